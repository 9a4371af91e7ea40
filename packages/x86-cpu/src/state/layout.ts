/** Value of `STATE.pendingStore` when no store waits. */
export const NOTHING_PENDING = 0xffff_ffff;

/**
 * Layout of a VCPU's state block: {@link STATE_BYTES} bytes in the reserved area of machine memory, little-endian. Offsets
 * are from the block's base. The block of the VCPU that runs lies in a fixed window, see `StateWindow`.
 * General registers are 64 bits wide whatever the mode; AH is the byte at offset 1.
 *
 * | offset | type | field |
 * |---|---|---|
 * | 0x000 | 16 x i64 | general registers by encoding |
 * | 0x080 | i64 | zero, never written: the base or index that an address does not have |
 * | 0x088 | 2 x i64 | linear addresses worked out by address records, for the record that follows |
 * | 0x098 | i64 | instruction pointer (offset in CS) |
 * | 0x0a0 | u32 | kind of the lazy flags, see flags.ts |
 * | 0x0a4 | u32 | all flags but the six arithmetic ones, bit 1 set |
 * | 0x0a8 | 3 x i64 | operands a and b and the result of the lazy flags, sign-extended |
 * | 0x0c0 | i32 | budget: instructions that may still retire in this run |
 * | 0x0c4 | u32 | record at which generated code left |
 * | 0x0c8 | u32 | space tag: low 12 bits of the TLB tags of this VCPU's accesses |
 * | 0x0cc | u32 | mode: number of the present mode in the code cache |
 * | 0x0d0 | u32 | stack mask: 0xffff or 0xffffffff by SS.B |
 * | 0x0d4 | u32 | current privilege level |
 * | 0x0d8 | i64 | base of CS in place, for lookups |
 * | 0x0e0 | u32 | fault raised by generated code, packed; valid after such an exit |
 * | 0x0e4 | i32 | budget that must be left for a translated loop to go on without asking the TLB |
 * | 0x0e8 | f64 | linear address of the last page fault |
 * | 0x0f0 | u32 | place of a store that TypeScript must carry out or announce once it is made; 0xffffffff: none |
 * | 0x0f4 | u32 | 1 while no translation is to be entered, because the budget is short |
 * | 0x0f8 | 2 x u32 | 0 and 0xffffffff: the bounds of an address that has none |
 * | 0x100 | 8 x 64 | segment registers, see {@link SEGMENT_FIELD}: ES CS SS DS FS GS LDTR TR |
 * | 0x300 | 2 x 16 | GDTR and IDTR: i64 base, u32 limit |
 * | 0x320 | 9 x i64 | CR0 to CR8 (CR1 and CR5-CR7 unused) |
 * | 0x368 | 8 x i64 | DR0 to DR7 |
 * | 0x3a8 | 16 x i64 | model-specific registers, see {@link MSR_SLOT} |
 * | 0x428 | i32 | shadow mark: budget as it was when generated code began an interrupt shadow; -1: it began none |
 * | 0x42c | u32 | 1 while somebody wants to see every access: then support functions leave them to TypeScript |
 * | 0x430 | u32 | what waits and what is held back, see {@link PENDING} |
 * | 0x434 | u32 | 1: something that generated code called wants the loop to look around |
 * | 0x438 | i64 | offset in CS of the indirect jump through which a translation left |
 * | 0x440 | 8 x 16 | x87 registers in physical order (ST(i) is number TOP + i mod 8): i64 mantissa (MMn), u16 sign and exponent |
 * | 0x4c0 | u32 | x87 control word |
 * | 0x4c4 | u32 | x87 status word as FNSTSW gives it: flags, ES and B, condition codes, TOP in bits 13:11 |
 * | 0x4c8 | u32 | x87 tags: bit n is 1 when physical register n is *not* empty (the abridged tags of FXSAVE) |
 * | 0x4cc | u32 | opcode of the last x87 instruction that raised an exception, 11 bits |
 * | 0x4d0 | 2 x i64 | offsets of that instruction and of its memory operand |
 * | 0x4e0 | 2 x u32 | selectors that go with them |
 * | 0x4e8 | u32 | MXCSR |
 * | 0x4ec | i32 | budget when generated code last delivered a page fault in this slice, or one of {@link DELIVERY} |
 * | 0x4f0 | i64 | XCR0 |
 * | 0x4f8 | u32 | root of the tables of a kernel under a monitor: see `TransitionGates.tableRoot` |
 * | 0x4fc | u32 | and its call that changes the entry for an address: see `TransitionGates.mapCall` |
 * | 0x500 | 16 x 32 | vector registers |
 * | 0x700 | 64 bytes | bounce buffer: bytes of an access that generated code cannot make in place |
 * | 0x740 | 4 x i64 | root entries of PAE paging as they were when CR3 was loaded |
 * | 0x780 | 16 x 16 | under a monitor, descriptors as they were read last: see {@link DESCRIPTOR_CACHE} |
 * | 0x880 | 3 x u32 | under a monitor, the direct gate of a vector: see {@link DIRECT_GATE} |
 * | 0x88c | 2 x u32 | and its kernel's call that makes a list of calls, and what each of them costs: see `TransitionGates.listCall` |
 * | 0x8a0 | 0xc0 | under a monitor, what transitions may be made without it: see {@link GATES} |
 * | 0x960 | 32 x i64 | and where each exception enters the kernel, 0: it leaves to the monitor; in 32-bit code an offset and a selector |
 */
export const STATE_BYTES = 0xa60;

/** Offsets of the fields of a state block. */
export const STATE = {
  registers: 0x000,
  zero: 0x080,
  address0: 0x088,
  address1: 0x090,
  instructionPointer: 0x098,
  flagsKind: 0x0a0,
  systemFlags: 0x0a4,
  flagsA: 0x0a8,
  flagsB: 0x0b0,
  flagsResult: 0x0b8,
  budget: 0x0c0,
  exitRecord: 0x0c4,
  spaceTag: 0x0c8,
  mode: 0x0cc,
  stackMask: 0x0d0,
  privilege: 0x0d4,
  codeBase: 0x0d8,
  fault: 0x0e0,
  turnFloor: 0x0e4,
  faultAddress: 0x0e8,
  pendingStore: 0x0f0,
  untranslated: 0x0f4,
  unbounded: 0x0f8,
  segments: 0x100,
  gdtr: 0x300,
  idtr: 0x310,
  control: 0x320,
  debug: 0x368,
  msr: 0x3a8,
  shadowMark: 0x428,
  isObserved: 0x42c,
  pending: 0x430,
  wantsAttention: 0x434,
  exitSource: 0x438,
  x87Registers: 0x440,
  x87Control: 0x4c0,
  x87Status: 0x4c4,
  x87Tags: 0x4c8,
  x87Opcode: 0x4cc,
  x87InstructionPointer: 0x4d0,
  x87DataPointer: 0x4d8,
  x87CodeSelector: 0x4e0,
  x87DataSelector: 0x4e4,
  mxcsr: 0x4e8,
  lastDelivery: 0x4ec,
  xcr0: 0x4f0,
  tableRoot: 0x4f8,
  mapCall: 0x4fc,
  vectors: 0x500,
  bounce: 0x700,
  rootEntries: 0x740,
  descriptorCache: 0x780,
  directGate: 0x880,
  listCall: 0x88c,
  listCost: 0x890,
  gates: 0x8a0,
  handlers: 0x960,
} as const;

/** Fields of an x87 register: the mantissa with its integer bit explicit, sign and exponent in the low 16 bits. */
export const X87_FIELD = { mantissa: 0, signExponent: 8 } as const;

/** Sign and exponent of an x87 register that was written as an MMX register. [SDM1-9.5] */
export const MMX_SIGN_EXPONENT = 0xffff;

/** Bytes of an x87 register in the block. */
export const X87_REGISTER_BYTES = 16;
/** Bytes of a vector register in the block. */
export const VECTOR_BYTES = 32;

/**
 * Bits of `STATE.pending`: an NMI is held back until an IRET; an NMI waits; debug exceptions are held back for one instruction
 * after a load of SS. Bits 31:16 are bits of DR6 for which a debug exception is held back.
 */
export const PENDING = { nmiBlocked: 1, nmi: 2, debugHeld: 4, debugShift: 16 } as const;

/** What `STATE.lastDelivery` holds besides budgets: generated code has delivered nothing in this slice, or is not to. */
export const DELIVERY = { none: -1, never: -0x8000_0000 } as const;

/** Bytes of one segment register in the block. */
export const SEGMENT_BYTES = 64;

/**
 * Fields of a segment register. The four bounds are derived from limit and attributes: an access of n bytes at offset o is
 * legal exactly when `first <= o` and `o + n - 1 <= last` without wrapping; `first` > `last` forbids all.
 *
 * | offset | type | field |
 * |---|---|---|
 * | 0 | u32 | selector |
 * | 4 | u32 | attributes, form of `ATTRIBUTE`; 0 when unusable |
 * | 8 | i64 | base |
 * | 16 | u32 | limit in bytes |
 * | 24 | u32 | first and, at 28, last offset that may be read |
 * | 32 | u32 | first and, at 36, last offset that may be written |
 * | 40 | u32 | last linear address up to which the segment is as good as none: base 0, may be read and written; else 0 |
 */
export const SEGMENT_FIELD = {
  selector: 0,
  attributes: 4,
  base: 8,
  limit: 16,
  readFirst: 24,
  readLast: 28,
  writeFirst: 32,
  writeLast: 36,
  flatLast: 40,
} as const;

/**
 * The kept descriptors of a monitor's GDT. A selector's place is given by the low bits of its number; `selector` is the
 * selector with RPL 1 while there is a descriptor, else 0.
 */
export const DESCRIPTOR_CACHE = { entries: 16, entryBytes: 16, selector: 0, low: 4, high: 8 } as const;

/** Fields of a direct gate in the block. `vector` is {@link NO_GATE} where there is none. */
export const DIRECT_GATE = {
  vector: 0,
  codeSelector: 4,
  target: 8,
} as const;

/**
 * Fields of the transition gates in the block: those of `TransitionGates`, i64 up to and with `reservedBytes`, the others u32.
 * `side` is 1 on the kernel's. `charged` and `changes` are kept by runs; bit n of `handlerMasks`: the handler of exception n holds events back.
 */
export const GATES = {
  entry: 0x00,
  kernelStack: 0x08,
  otherBase: 0x10,
  reservedFirst: 0x18,
  reservedBytes: 0x20,
  isOpen: 0x28,
  side: 0x2c,
  eventPending: 0x30,
  eventMask: 0x34,
  answeredCall: 0x38,
  answeredArgument: 0x3c,
  answer: 0x40,
  callVector: 0x44,
  returnCall: 0x48,
  entryMasksEvents: 0x4c,
  codeSelector: 0x50,
  stackSelector: 0x54,
  kernelSpace: 0x58,
  userSpace: 0x5c,
  compatibleSelector: 0x60,
  charged: 0x64,
  faultCost: 0x68,
  faultAddress: 0x6c,
  handlerMasks: 0x70,
  changes: 0x74,
  kernelStackSelector: 0x78,
  stackCall: 0x7c,
  baseCall: 0x80,
  taskCall: 0x84,
  hasAbsentPorts: 0x88,
  emulationCost: 0x8c,
  updateCall: 0x90,
  updateSubject: 0x94,
  updateCost: 0x98,
  frameRecords: 0x9c,
  frameOwner: 0xa0,
  emulated: 0xa4,
  requestCost: 0xa8,
  flushCall: 0xac,
  flushCommands: 0xb0,
  flushCost: 0xb4,
  identities: 0xb8,
  callCost: 0xbc,
} as const;

/** Exceptions that have a handler in the block. */
export const HANDLER_COUNT = 32;

/** No vector. */
export const NO_GATE = 0xffff_ffff;

/** Fields of GDTR and IDTR. */
export const TABLE_FIELD = { base: 0, limit: 8 } as const;

/** Slots of the model-specific registers that live in the block, as indices of i64 at `STATE.msr`. */
export const MSR_SLOT = {
  efer: 0,
  sysenterCs: 1,
  sysenterEsp: 2,
  sysenterEip: 3,
  star: 4,
  lstar: 5,
  cstar: 6,
  fmask: 7,
  kernelGsBase: 8,
  pat: 9,
  tscAux: 10,
  apicBase: 11,
  miscEnable: 12,
  tscOffset: 13,
} as const;

/** One value of {@link MSR_SLOT}. */
export type MsrSlot = (typeof MSR_SLOT)[keyof typeof MSR_SLOT];
