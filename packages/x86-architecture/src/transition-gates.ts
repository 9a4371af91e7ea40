import type { Asid, LinearAddress, MachineAddress } from "@xenolith/machine-interface";

/** Bits of `TransitionGates.changes`. */
export const GATE_CHANGE = {
  /** `isKernelSide`, and with it `otherBase` and the VCPU's space; it may have changed back. */
  side: 1,
  /** CR2 of the context, and what lies at `faultAddress`. */
  faultAddress: 2,
  /** `kernelStack` and `kernelStackSelector`. */
  kernelStack: 4,
  /** `otherBase` alone. */
  otherBase: 8,
  /** CR0.TS of the context. */
  taskSwitched: 16,
} as const;

/**
 * Answers of CPUID to a leaf, EAX to EDX: one that holds for every subleaf; or those of the first subleaves, of two at least; or none
 * that are known.
 */
export type IdentityAnswers = (leaf: number) => readonly (readonly [number, number, number, number])[];

/** Where an exception enters a kernel. */
export interface ExceptionHandler {
  readonly address: LinearAddress;
  /** Of 32-bit code, with an RPL of 1. */
  readonly codeSelector: number;
  /** Holds events back. */
  readonly masksEvents: boolean;
}

/**
 * What the engine does on the monitor's behalf, without an exit: calls of the monitor that have one answer, ports that are
 * not there, and
 * in IA-32e mode changes between the two *sides* of a VCPU, whose kernel and user code both run in ring 3 and differ in
 * space and base of GS, by calls and by exceptions. Anything unusual leaves everything as it was and exits as if there were no gate; so does a transition
 * after which an event that waits would not be held back. What a gate does is what the monitor would do, in the same time.
 *
 * The fields are those of the VCPU: the monitor sets them between runs, and a run may have changed those of which it is said.
 */
export interface TransitionGates {
  /** Whether any of them is taken. False at first. */
  isOpen: boolean;
  /** Byte in machine memory that is not 0 while an event waits for the kernel. A `DirectGate` looks at both bytes, open or not. */
  eventPending: MachineAddress;
  /** Byte in machine memory that is not 0 while events are held back, 1 where a gate sets it. */
  eventMask: MachineAddress;
  /**
   * The call of the monitor with number `answeredCall` in EAX and a first argument whose low 32 bits are `answeredArgument`
   * is answered with `answer`, 0 to 2^31 - 1, in the accumulator: in ring 1 of 32-bit code by INT `callVector` with the
   * argument in EBX, on the kernel's side of 64-bit code by SYSCALL with the argument in RDI.
   */
  answeredCall: number;
  answeredArgument: number;
  answer: number;
  /** Vector of INT n by which 32-bit code calls the monitor. */
  callVector: number;
  /**
   * On the kernel's side, SYSCALL with this number in EAX returns by the frame at RSP, from the lowest address, each 8 bytes:
   * `rax r11 rcx flags rip cs rflags rsp ss`. An RPL of 3 in `cs` means the user's side. With bit 8 of `flags` the return is
   * SYSRET's. Events are held back where RFLAGS.IF of the frame is clear.
   */
  returnCall: number;
  /**
   * Where SYSCALL of the user's side enters the kernel's, 0: nowhere. The frame on the kernel's stack is, from the lowest
   * address, each 8 bytes: `rcx r11 rip cs|mask << 32 rflags rsp ss`, with IF of `rflags` showing whether events were not
   * held back.
   */
  entry: LinearAddress;
  /** Whether entering there holds events back. */
  entryMasksEvents: boolean;
  /**
   * Top of the kernel's stack for entries from the user's side, cut to a multiple of 16, or from ring 3, also by a `DirectGate`. A
   * run may change it.
   */
  kernelStack: LinearAddress;
  /** Selector that goes with it; after {@link stackCall} what that gave. 64-bit code does not load it. */
  kernelStackSelector: number;
  /**
   * On the kernel's side, SYSCALL with this number in EAX makes RSI the {@link kernelStack}; in ring 1, INT {@link callVector} makes
   * ECX that, with the selector in EBX. The answer is 0, as of those below.
   */
  stackCall: number;
  /**
   * And this one makes RSI a base: by EDI, 0: of FS, 1: of GS on the user's side, 2: of GS. With 3 RSI is a selector for GS
   * whose base is the user's, and exits unless it is a null one.
   */
  baseCall: number;
  /** And this one sets CR0.TS where EDI is not 0, else clears it. */
  taskCall: number;
  /** Flat selectors, with RPL 3, of the segments that SYSCALL loads. */
  codeSelector: number;
  stackSelector: number;
  /** Selector by which SYSRET goes to 32-bit code: such a return exits. */
  compatibleSelector: number;
  /** Linear addresses that are the monitor's: no frame lies there. */
  reservedFirst: LinearAddress;
  reservedBytes: number;
  /** Spaces of the two sides; 0: there is none. */
  kernelSpace: Asid | 0;
  userSpace: Asid | 0;
  /** Which side runs. A run may change it, and with it `X86Vcpu.space`. */
  isKernelSide: boolean;
  /** Base of GS of the side that does not run. A run may change it. */
  otherBase: LinearAddress;
  /**
   * Where an exception, 0 to 31, enters the kernel; 0: it exits. In 64-bit code that is its side. The frame is that of {@link entry}
   * with the registers as they are, CS with an RPL of 0 where the kernel's side was interrupted, and below RIP the error code
   * of those that have one. It lies on the kernel's stack, below RSP where its side was interrupted.
   *
   * In 32-bit code the kernel is ring 1, and the frame `[error code] eip cs|mask << 16 eflags [esp ss]`, the last two from ring 3,
   * each 4 bytes. Code and stacks are flat, or it exits.
   *
   * A page fault of the kernel that is a write to a page that is there exits, as the monitor may want to carry it out, but for what {@link tableRoot} allows. So does #UD in
   * 32-bit code, and of 64-bit code that begins with {@link emulated}. #NM clears CR0.TS. INT3 of 64-bit code is the exception of its
   * vector, but takes no time besides the instruction.
   */
  setHandler(vector: number, handler: ExceptionHandler | null): void;
  /** Where a page fault's address is left, 8 bytes of 64-bit code, 4 of other; CR2 of the context has it too. The user bit of its code says whose. */
  faultAddress: MachineAddress;
  /** The first 4 bytes, as a little-endian number, of what is not valid but carried out by the monitor. */
  emulated: number;
  /** How much of its budget an exception takes a run, so that it takes the time it takes the monitor. */
  faultCost: number;
  /**
   * Whether IN and OUT find no ports in the kernel: in rings 0 to 2, or on the kernel's side. It reads all ones, and what it
   * writes is dropped. CLI and STI of 64-bit code do nothing then.
   */
  hasAbsentPorts: boolean;
  /** How much of its budget such an access takes a run, and CPUID, besides the instruction. */
  emulationCost: number;
  /**
   * Lets CPUID that would exit be answered, at every privilege, where the answer is known: of 32 leaves of the basic range and 32 of the extended one,
   * and of 32 subleaves in all. null: it exits, as at first.
   */
  setIdentities(answersOf: IdentityAnswers | null): void;
  /** How much of its budget a call of the kernel's that is answered takes a run, besides the instruction and what is said below. */
  callCost: number;
  /**
   * On the kernel's side, SYSCALL with this number in EAX, ESI 1 to 16, RDX 0 and {@link updateSubject} in R10D stores as many
   * entries: RDI is where, for each, the machine address of the entry and then its value lie, 8 bytes each, in one page; with bit 1 of that
   * address the entry keeps accessed and dirty bits of the old one. Either all are stored or it exits.
   *
   * An entry lies in a table of level 1 of the kernel's own that {@link FRAME_RECORDS} has as such, checked and in use:
   * both the old value and the new one are absent or lead to pages of the kernel's own, the old one not by one of its last references; and
   * with write rights only to one whose type is that of a writable page. A page gains a reference and loses one with its
   * entries, and a use with those that allow writing; the old one is forgotten. A present entry gets the user bit, and {@link KERNEL_PAGE_HIGH} where it
   * lacked that bit or had both, else the global bit. Or it lies in such a table of a level above, of the root in its lower
   * half, was absent and is changed once: the new one is absent or leads to such a table of the level below, or above level 2 to an empty page of the
   * kernel's own that becomes one; that gains a reference and a use, and the entry gets the user bit, in the root the accessed bit too. Or it lies in a page of the kernel's own whose type is that
   * of a writable one: there it is stored as it is. Of several requests none is about the page that they lie in. Anything else exits.
   */
  updateCall: number;
  updateSubject: number;
  /** How much of its budget each entry takes a run, besides the instruction: to store in a table, and elsewhere. */
  updateCost: number;
  requestCost: number;
  /**
   * Likewise this number with a request of 24 bytes whose first 4 are a command n, where bit n of `flushCommands` is set: nothing
   * has to be done for it.
   */
  flushCall: number;
  flushCommands: number;
  flushCost: number;
  /**
   * And this one with an address of the kernel's in RDI stores RSI as the entry of level 1 for it, in the tables from {@link tableRoot} on, as
   * {@link updateCall} would. RDX is 0, or 1 or 2, with 4 or without: then it takes the time of a flush too. Finding the entry takes
   * three times what {@link updateCost} is above {@link requestCost}.
   */
  mapCall: number;
  /**
   * And this one with ESI 2 makes two calls, of 64 bytes each at RDI in one page: number, answer and up to six arguments, 8 bytes each. One is
   * {@link mapCall}; the other has the number {@link flushCall}, 1 as its second argument, a third and fourth like {@link updateCall}, and as
   * its first the address of a request of 24 bytes: a command of 4, and at 8 the number of a frame of the kernel's own. After the first, command 0: the
   * frame, which nothing uses by then, becomes a table of level 1 whose entries are as those that are stored there, and is pinned.
   * Before it, command 4: the frame, a table of level 1 that is used for nothing but being pinned, ceases to be one. Either takes, as {@link requestCost}
   * is for a request, besides that what looking at 512 entries does. Both are made, and their answers are 0, or it exits.
   */
  listCall: number;
  /** How much of its budget each of the calls takes a run besides what it would take by itself. */
  listCost: number;
  /** Where {@link FRAME_RECORDS} begin in machine memory; 0: the call exits. */
  frameRecords: number;
  /** Owner of the kernel's frames there. */
  frameOwner: number;
  /**
   * Root of the kernel's tables in 64-bit code, 0: none. Its store to one of its tables of level 1 that is mapped to be read page faults, and is carried out as
   * {@link updateCall} would change the entry, without what the entry is given there if it stays the same. It is XCHG of a quadword, or
   * AND of a byte with an immediate, at a register or a byte's distance from it. The instruction retires, and takes what an exception takes. What
   * is mapped so and is no such table is not stored to: that exception is the kernel's. Anything else exits.
   */
  tableRoot: MachineAddress;
  /** What the last run has changed, bits of {@link GATE_CHANGE}. */
  readonly changes: number;
  /** What gates have taken the last run of its budget besides the instructions that retired. */
  readonly charged: number;
}
