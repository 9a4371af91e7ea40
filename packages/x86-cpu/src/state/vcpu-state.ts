import {
  ATTRIBUTE,
  CR0,
  EFER,
  FLAG,
  type PackedFault,
  type RegisterIndex,
  SEGMENT,
  type SegmentIndex,
  type SegmentState,
  type VcpuContext,
} from "@xenolith/x86-architecture";
import { ARITHMETIC_FLAGS, encodeFlags, evaluateFlags, FLAGS_KIND } from "./flags.ts";
import { FloatingPointState, INITIAL_MXCSR, INITIAL_X87_CONTROL } from "./floating-point-state.ts";
import {
  DESCRIPTOR_CACHE,
  DIRECT_GATE,
  MSR_SLOT,
  type MsrSlot,
  NO_GATE,
  NOTHING_PENDING,
  SEGMENT_BYTES,
  SEGMENT_FIELD,
  STATE,
  TABLE_FIELD,
} from "./layout.ts";
import { flatLast, segmentBounds } from "./segment-bounds.ts";

/** What reaches beyond the block itself when TypeScript sets a register. */
export interface StateHooks {
  /** Loads a segment register with the checks of MOV; see `VcpuContext.loadSegment`. */
  loadSegment(state: VcpuState, index: SegmentIndex, selector: number): PackedFault | 0;
  /** A control register or EFER has a new value: paging may have changed. */
  controlWritten(state: VcpuState, index: number): void;
  /** All of the block is new, what the processor keeps of page tables included. */
  replaced(state: VcpuState): void;
}

/** GDTR or IDTR. */
export interface TableRegister {
  /** Linear base, 32 bits unsigned or canonical. */
  readonly base: number;
  /** Last valid offset, 0 to 65535. */
  readonly limit: number;
}

/**
 * The registers of one VCPU, over its state block. Setters keep everything derived (segment bounds, privilege) in step and
 * mark the mode as stale where the way code is decoded or addresses are checked may have changed.
 */
export class VcpuState implements VcpuContext {
  /** Offset in machine memory of the block that is the VCPU's own. */
  readonly home: number;
  /** Offset in machine memory where the block is now: at home, or in the window of the engine. See `StateWindow`. */
  base: number;
  /** Set where a change of CS, DS, ES, SS, CR0, EFER or VM may change the mode; cleared by the engine, which works it out anew. */
  modeIsStale = true;
  readonly floatingPoint: FloatingPointState = new FloatingPointState(this);
  readonly #view: DataView;
  readonly #hooks: StateHooks;

  constructor(view: DataView, base: number, hooks: StateHooks) {
    this.#view = view;
    this.home = base;
    this.base = base;
    this.#hooks = hooks;
    this.flags = FLAG.fixed;
    this.setU32(STATE.stackMask, 0xffff);
    this.setU32(STATE.pendingStore, NOTHING_PENDING);
    this.setU32(STATE.shadowMark, 0xffff_ffff);
    this.setU32(STATE.unbounded + 4, 0xffff_ffff);
    this.setU32(STATE.x87Control, INITIAL_X87_CONTROL);
    this.setU32(STATE.mxcsr, INITIAL_MXCSR);
    this.setU32(STATE.xcr0, 1);
    this.setU32(STATE.directGate + DIRECT_GATE.vector, NO_GATE);
  }

  /** To be called when the block was written as a whole: what hangs on it follows. */
  resetDerived(): void {
    this.setAddress(STATE.zero, 0);
    this.setU32(STATE.pendingStore, NOTHING_PENDING);
    this.setU32(STATE.unbounded, 0);
    this.setU32(STATE.unbounded + 4, 0xffff_ffff);
    this.modeIsStale = true;
    this.#hooks.replaced(this);
  }

  /** Keeps a descriptor of a monitor's GDT for generated code. */
  keepDescriptor(selector: number, low: number, high: number): void {
    const { entries, entryBytes } = DESCRIPTOR_CACHE;
    const entry = STATE.descriptorCache + ((selector >>> 3) & (entries - 1)) * entryBytes;
    this.setU32(entry + DESCRIPTOR_CACHE.selector, (selector & 0xfff8) | 1);
    this.setU32(entry + DESCRIPTOR_CACHE.low, low);
    this.setU32(entry + DESCRIPTOR_CACHE.high, high);
  }

  /** Forgets the kept descriptors. */
  forgetDescriptors(): void {
    for (let entry = 0; entry < DESCRIPTOR_CACHE.entries; entry++)
      this.setU32(STATE.descriptorCache + entry * DESCRIPTOR_CACHE.entryBytes, 0);
  }

  /** Reads an unsigned word of the block. */
  u32(offset: number): number {
    return this.#view.getUint32(this.base + offset, true);
  }

  setU32(offset: number, value: number): void {
    this.#view.setUint32(this.base + offset, value, true);
  }

  /** Reads a signed word of the block. */
  i32(offset: number): number {
    return this.#view.getInt32(this.base + offset, true);
  }

  /** Reads a 64-bit field that holds a canonical address, exactly. */
  address(offset: number): number {
    return this.i32(offset + 4) * 0x1_0000_0000 + this.u32(offset);
  }

  /** Writes a canonical (or unsigned 32-bit) address to a 64-bit field. */
  setAddress(offset: number, value: number): void {
    this.setU32(offset, value >>> 0);
    this.setU32(offset + 4, value >= 0 && value <= 0xffff_ffff ? 0 : Math.floor(value / 0x1_0000_0000));
  }

  /** Reads a 64-bit field, unsigned. */
  wide(offset: number): bigint {
    return this.#view.getBigUint64(this.base + offset, true);
  }

  setWide(offset: number, value: bigint): void {
    this.#view.setBigUint64(this.base + offset, value, true);
  }

  f64(offset: number): number {
    return this.#view.getFloat64(this.base + offset, true);
  }

  register(index: RegisterIndex): number {
    return this.u32(STATE.registers + 8 * index);
  }

  setRegister(index: RegisterIndex, value: number): void {
    this.setU32(STATE.registers + 8 * index, value);
    this.setU32(STATE.registers + 8 * index + 4, 0);
  }

  /** Writes the low 16 bits of a register and keeps the others. */
  setRegister16(index: RegisterIndex, value: number): void {
    this.#view.setUint16(this.base + STATE.registers + 8 * index, value, true);
  }

  registerHigh(index: RegisterIndex): number {
    return this.u32(STATE.registers + 8 * index + 4);
  }

  setRegisterWords(index: RegisterIndex, low: number, high: number): void {
    this.setU32(STATE.registers + 8 * index, low);
    this.setU32(STATE.registers + 8 * index + 4, high);
  }

  wideRegister(index: RegisterIndex): bigint {
    return this.wide(STATE.registers + 8 * index);
  }

  setWideRegister(index: RegisterIndex, value: bigint): void {
    this.setWide(STATE.registers + 8 * index, value);
  }

  /**
   * A general register as an address: signed, exact where it is canonical. What is not canonical stays so although it may
   * be rounded.
   */
  addressRegister(index: RegisterIndex): number {
    return this.address(STATE.registers + 8 * index);
  }

  /** Writes an address, canonical or an unsigned sum of such, to all 64 bits of a general register. */
  setAddressRegister(index: RegisterIndex, value: number): void {
    this.setAddress(STATE.registers + 8 * index, value);
  }

  /** Whether all 64 bits of a register are clear. */
  isZero(index: RegisterIndex): boolean {
    const at = STATE.registers + 8 * index;
    return (this.u32(at) | this.u32(at + 4)) === 0;
  }

  get instructionPointer(): number {
    return this.address(STATE.instructionPointer);
  }

  set instructionPointer(value: number) {
    this.setAddress(STATE.instructionPointer, value);
  }

  get flags(): number {
    return this.systemFlags | this.arithmeticFlags;
  }

  set flags(value: number) {
    this.arithmeticFlags = value;
    this.systemFlags = value;
  }

  /** CF PF AF ZF SF OF, worked out from the lazy form. */
  get arithmeticFlags(): number {
    return evaluateFlags(this.#view, this.base);
  }

  set arithmeticFlags(value: number) {
    const { b, result } = encodeFlags(value);
    this.setU32(STATE.flagsKind, FLAGS_KIND.given);
    this.setAddress(STATE.flagsB, b);
    this.setAddress(STATE.flagsResult, result);
  }

  /** The other flags: TF IF DF IOPL NT RF VM AC VIF VIP ID, and bit 1. */
  get systemFlags(): number {
    return this.u32(STATE.systemFlags);
  }

  set systemFlags(value: number) {
    const old = this.u32(STATE.systemFlags);
    const now = (value & ~ARITHMETIC_FLAGS) | FLAG.fixed;
    this.setU32(STATE.systemFlags, now);
    if ((old ^ now) & FLAG.vm) this.modeIsStale = true;
  }

  get privilege(): number {
    return this.u32(STATE.privilege);
  }

  /** Whether segments are loaded as in real mode: CR0.PE clear. */
  get isRealMode(): boolean {
    return (this.control(0) & CR0.pe) === 0;
  }

  /** Whether the processor is in virtual-8086 mode. */
  get isVirtual8086(): boolean {
    return (this.systemFlags & FLAG.vm) !== 0;
  }

  /** Whether IA-32e mode is active (EFER.LMA): 64-bit code and compatibility mode. */
  get isLongMode(): boolean {
    return (this.u32(STATE.msr + 8 * MSR_SLOT.efer) & EFER.lma) !== 0;
  }

  /** Whether 64-bit code runs: IA-32e mode is active and CS says so. */
  get isWideCode(): boolean {
    return (
      this.isLongMode && (this.segmentField(SEGMENT.cs, SEGMENT_FIELD.attributes) & ATTRIBUTE.long) !== 0
    );
  }

  segment(index: SegmentIndex): SegmentState {
    const at = STATE.segments + SEGMENT_BYTES * index;
    return {
      selector: this.u32(at + SEGMENT_FIELD.selector),
      base: this.address(at + SEGMENT_FIELD.base),
      limit: this.u32(at + SEGMENT_FIELD.limit),
      attributes: this.u32(at + SEGMENT_FIELD.attributes),
    };
  }

  /** Selector of a segment register. */
  selector(index: SegmentIndex): number {
    return this.u32(STATE.segments + SEGMENT_BYTES * index + SEGMENT_FIELD.selector);
  }

  /** One field of {@link SEGMENT_FIELD} that is a word. */
  segmentField(index: SegmentIndex, field: number): number {
    return this.u32(STATE.segments + SEGMENT_BYTES * index + field);
  }

  /**
   * Sets visible and hidden part. CS also sets the privilege: the selector's RPL in protected mode, 3 in virtual-8086 mode,
   * 0 in real mode; so CR0 and VM are to be set before CS.
   */
  setSegment(index: SegmentIndex, segment: SegmentState): void {
    const at = STATE.segments + SEGMENT_BYTES * index;
    const { selector, base, limit, attributes } = segment;
    const bounds = segmentBounds(limit, attributes);
    const flat = flatLast(base, bounds);
    if (index <= SEGMENT.ds && this.#changesMode(index, segment, flat)) this.modeIsStale = true;
    this.setU32(at + SEGMENT_FIELD.selector, selector & 0xffff);
    this.setU32(at + SEGMENT_FIELD.attributes, attributes);
    this.setAddress(at + SEGMENT_FIELD.base, base);
    this.setU32(at + SEGMENT_FIELD.limit, limit);
    this.setU32(at + SEGMENT_FIELD.readFirst, bounds.readFirst);
    this.setU32(at + SEGMENT_FIELD.readLast, bounds.readLast);
    this.setU32(at + SEGMENT_FIELD.writeFirst, bounds.writeFirst);
    this.setU32(at + SEGMENT_FIELD.writeLast, bounds.writeLast);
    this.setU32(at + SEGMENT_FIELD.flatLast, flat);
    if (index === SEGMENT.cs) {
      const protectedPrivilege = this.isVirtual8086 ? 3 : selector & 3;
      this.setU32(STATE.privilege, this.isRealMode ? 0 : protectedPrivilege);
      this.setAddress(STATE.codeBase, base);
    }
    if (index === SEGMENT.ss) {
      this.setU32(STATE.stackMask, attributes & ATTRIBUTE.big ? 0xffff_ffff : 0xffff);
    }
  }

  /** Whether a new value of ES, CS, SS or DS changes how code is decoded or addresses are checked. */
  #changesMode(index: SegmentIndex, { base, limit, attributes }: SegmentState, flat: number): boolean {
    const at = STATE.segments + SEGMENT_BYTES * index;
    if (this.u32(at + SEGMENT_FIELD.flatLast) !== flat) return true;
    if (index !== SEGMENT.cs && index !== SEGMENT.ss) return false;
    const sizes = ATTRIBUTE.big | ATTRIBUTE.long;
    if (((this.u32(at + SEGMENT_FIELD.attributes) ^ attributes) & sizes) !== 0) return true;
    if (index === SEGMENT.ss) return false;
    return this.u32(at + SEGMENT_FIELD.limit) !== limit || this.address(at + SEGMENT_FIELD.base) !== base;
  }

  loadSegment(index: SegmentIndex, selector: number): PackedFault | 0 {
    return this.#hooks.loadSegment(this, index, selector);
  }

  control(index: number): number {
    return this.address(STATE.control + 8 * index);
  }

  setControl(index: number, value: number): void {
    this.setAddress(STATE.control + 8 * index, value);
    if (index === 0 || index === 4) this.modeIsStale = true;
    if (index !== 2) this.#hooks.controlWritten(this, index);
  }

  debug(index: number): number {
    const at = STATE.debug + 8 * index;
    return index < 4 && this.isLongMode ? this.address(at) : this.u32(at);
  }

  setDebug(index: number, value: number): void {
    const isWide = index < 4 && this.isLongMode;
    this.setAddress(STATE.debug + 8 * index, isWide ? value : value >>> 0);
  }

  /** A model-specific register, unsigned. */
  msr(slot: MsrSlot): bigint {
    return this.wide(STATE.msr + 8 * slot);
  }

  /** Writes a model-specific register without checks. Writing EFER counts as a change of control register 4. */
  setMsr(slot: MsrSlot, value: bigint): void {
    this.setWide(STATE.msr + 8 * slot, value);
    if (slot === 0) {
      this.modeIsStale = true;
      this.#hooks.controlWritten(this, 4);
    }
  }

  get gdtr(): TableRegister {
    return this.#table(STATE.gdtr);
  }

  set gdtr(value: TableRegister) {
    this.#setTable(STATE.gdtr, value);
  }

  get idtr(): TableRegister {
    return this.#table(STATE.idtr);
  }

  set idtr(value: TableRegister) {
    this.#setTable(STATE.idtr, value);
  }

  #table(at: number): TableRegister {
    return { base: this.address(at + TABLE_FIELD.base), limit: this.u32(at + TABLE_FIELD.limit) };
  }

  #setTable(at: number, value: TableRegister): void {
    this.setAddress(at + TABLE_FIELD.base, value.base);
    this.setU32(at + TABLE_FIELD.limit, value.limit & 0xffff);
  }
}
