import { TLB_ENTRY } from "@xenolith/machine-interface";
import {
  add,
  and,
  constant,
  convert,
  displaced,
  displacement,
  type FunctionBody,
  i32,
  load,
  ne,
  or,
  shl,
  shrS,
  shrU,
  signExtend,
  TYPE,
  tee,
  type Value,
  wrap,
  wrapped,
  zeroExtend,
} from "@xenolith/wasm-emitter";
import { REGISTER, type SegmentIndex } from "@xenolith/x86-architecture";
import type { Instruction, MemoryOperand, Operand } from "../decoder/instruction.ts";
import {
  addressMask,
  displacementOf,
  isBitString,
  memoryOperand,
  stringAddresses,
} from "../engine/instruction-form.ts";
import { isFlat, type Mode } from "../engine/mode.ts";
import { type Extension, Machine, typeOf } from "../machine/machine.ts";
import { tlbEntryOffset, tlbTag } from "../machine/tlb-probe.ts";
import type { FlagsKind } from "../state/flags.ts";
import {
  MMX_SIGN_EXPONENT,
  SEGMENT_BYTES,
  SEGMENT_FIELD,
  STATE,
  X87_FIELD,
  X87_REGISTER_BYTES,
} from "../state/layout.ts";
import type { SupportFunction } from "../support/support-function.ts";
import type { SupportCaller } from "../support/support-module.ts";
import { type AccessGroups, NO_GROUPS } from "./access-group.ts";
import { type NamedFlags, nameFlags, type RegisterName, restoreFlags } from "./named-flags.ts";
import type { SteadyCounter } from "./page-run.ts";
import type { PlacedInstruction } from "./region-block.ts";
import type { RegionFlow, RegionLocals, TranslatedAccess } from "./region-flow.ts";
import { RegisterNames } from "./register-names.ts";
import type { StackRow } from "./stack-row.ts";
import type { SteadyAddress, SteadyRegister } from "./steady-address.ts";
import type { TranslatorPlaces } from "./translator-places.ts";

/** Where the TLB is asked. */
export const NO_ADDENDS: ReadonlyMap<PlacedInstruction, Value> = new Map();

/** In place of the number of a general register. */
const VECTOR_LOCAL = 16;

/**
 * Emits the instructions of a region: operands are constants, registers are locals, flags are values that nobody has computed
 * yet. What is out of the ordinary (a TLB miss, a fault, a rare case) leaves the region before the instruction.
 */
export class TranslatorMachine extends Machine {
  readonly mode: Mode;
  readonly #places: TranslatorPlaces;
  readonly #locals: RegionLocals;
  /** For each local that changes which general register it holds, or `VECTOR_LOCAL`. */
  readonly #changing: number[] = [];
  readonly #flow: RegionFlow;
  readonly #callSupport: SupportCaller;
  /** Whether the code lies in the lower half: then what it accesses does too, as a rule. */
  readonly #isLower: boolean;
  /** What temporaries hold that hold what a register holds. */
  readonly #names = new RegisterNames();
  #placed: PlacedInstruction | null = null;
  /** Operands of the present instruction. */
  #given: readonly Operand[] = [];
  #groups: AccessGroups = NO_GROUPS;
  /** Position of the instruction whose place in its group counts: of the present one, or of a row the lowest; -1: none does. */
  #located = -1;
  #notesAccesses = false;
  /** Accesses of the present block so far, if they are to be noted. */
  readonly accesses: TranslatedAccess[] = [];
  /** What is to be added to the addresses of instructions whose only access needs no question. */
  addends: ReadonlyMap<PlacedInstruction, Value> = NO_ADDENDS;

  constructor(
    body: FunctionBody,
    mode: Mode,
    environment: {
      readonly places: TranslatorPlaces;
      readonly locals: RegionLocals;
      readonly flow: RegionFlow;
      readonly callSupport: SupportCaller;
      /** Offset in CS of the page of the region. */
      readonly page: number;
    },
  ) {
    super(body, { wide: mode.codeBytes === 8 });
    this.mode = mode;
    this.#places = environment.places;
    this.#locals = environment.locals;
    this.#flow = environment.flow;
    this.#callSupport = environment.callSupport;
    this.#isLower = environment.page >= 0;
    const { registers, vectors } = environment.locals;
    registers.forEach((local, register) => {
      if (local !== undefined) this.#changing[local.operation] = register;
    });
    vectors.forEach((local) => {
      if (local !== undefined) this.#changing[local.operation] = VECTOR_LOCAL;
    });
  }

  /** The lazy flags where they are kept between blocks. */
  get flagLocals(): { readonly kind: Value; readonly a: Value; readonly b: Value; readonly result: Value } {
    const { dynamicKind, a, b, result } = this.keptFlags;
    return { kind: dynamicKind, a, b, result };
  }

  /** Begins a block with the groups of its accesses: flags are those that are kept. */
  beginBlock(groups: AccessGroups, notesAccesses: boolean): void {
    this.#groups = groups;
    this.temporaries.reset();
    this.#names.forget();
    this.#notesAccesses = notesAccesses;
    if (notesAccesses) this.accesses.length = 0;
    this.flags = this.keptFlags;
  }

  /** The flags as they follow from registers and constants alone, so that nothing has to be kept for them; else null. */
  nameFlags(): NamedFlags | null {
    return nameFlags(this.flags, (value) => {
      const register = value.isLocal ? this.#names.registerOf(value.operation) : -1;
      return register < 0 ? null : { register, sizeBytes: value.type === TYPE.i64 ? 8 : 4 };
    });
  }

  /** Makes flags those that {@link nameFlags} gave names to. The registers must hold what they held then. */
  restoreFlags(named: NamedFlags): void {
    const read = ({ register, sizeBytes }: RegisterName): Value =>
      this.pin(this.register(register, sizeBytes));
    this.flags = restoreFlags(named, read, (value) => this.pin(value));
  }

  /**
   * Emits the instruction at a position of its block, or a row of pushes or pops that begins with it. The page is looked for once for
   * all of a row: where that fails, nothing of it has happened. @returns how many instructions that were
   */
  emit(placed: PlacedInstruction, position: number, row: StackRow | null): number {
    this.#placed = placed;
    this.#given = placed.instruction.operands;
    const { form, definition } = placed.handler;
    this.sizeBytes = form.sizeBytes;
    this.operands = form.operands;
    if (row === null) {
      this.#located = position;
      definition.meaning(this);
      return 1;
    }
    const { registers, lowest } = row;
    // Unless the row is not all in one group.
    this.#located = this.#groups[position]?.group === this.#groups[lowest]?.group ? lowest : -1;
    if (placed.instruction.mnemonic === "pop") this.#popRow(registers);
    else
      this.pushRow(
        this.wordBytes,
        registers.map((register) => this.register(register, this.wordBytes)),
      );
    return registers.length;
  }

  #popRow(row: readonly number[]): void {
    const { wordBytes } = this;
    const top = this.pin(this.stackPointer());
    const host = this.pin(this.translate(wordBytes * row.length, top, false));
    for (const [index, register] of row.entries()) {
      const value = this.loadTranslated(wordBytes, displaced(host, wordBytes * index), "any");
      this.setRegister(register, wordBytes, this.pin(value));
    }
    this.setStackPointer(add(top, wordBytes * row.length));
  }

  #instruction(): Instruction {
    if (this.#placed === null) throw new RangeError("no instruction is being translated");
    return this.#placed.instruction;
  }

  /** A local that holds a register changes: it is copied where others need no copy. */
  override pin(value: Value): Value {
    const place = value.isPinned || displacement(value) === 0 ? value : value.first;
    if (place?.isPinned === true && !this.#changes(place)) return value;
    const name = this.temporaries.take(value.type);
    this.body.set(name, value);
    const source = wrapped(value) ?? value;
    const register = source.isLocal ? (this.#changing[source.operation] ?? VECTOR_LOCAL) : VECTOR_LOCAL;
    this.#names.set(name.operation, register === VECTOR_LOCAL ? -1 : register);
    return name;
  }

  /** Whether a value is the local of a register. */
  #changes(value: Value): boolean {
    return value.isLocal && this.#changing[value.operation] !== undefined;
  }

  /** Sets the local of a register. Values that were readings of it are not any more; a name of the new value is. */
  #assign(index: number, value: Value, name: Value | null): void {
    this.body.set(this.#whole(index), value);
    this.#names.change(index);
    if (name?.isLocal === true && !this.#changes(name)) this.#names.set(name.operation, index);
  }

  // Registers

  #whole(index: number): Value {
    const value = this.#locals.registers[index];
    if (value === undefined) throw new RangeError(`register ${index} has no local`);
    return value;
  }

  override register(index: number, sizeBytes: number, extension: Extension = "any"): Value {
    const value = convert(this.#whole(index), typeOf(sizeBytes));
    if (extension === "any") return value;
    return extension === "signed" ? signExtend(sizeBytes, value) : zeroExtend(sizeBytes, value);
  }

  override setRegister(index: number, sizeBytes: number, value: Value): void {
    const target = this.#whole(index);
    const whole = convert(sizeBytes === 4 ? wrap(value) : value, target.type);
    if (sizeBytes >= 4) this.#assign(index, whole, value.type === typeOf(sizeBytes) ? value : null);
    else this.#assign(index, this.#inserted(index, sizeBytes === 1 ? 0xff : 0xffff, whole), null);
  }

  #inserted(index: number, mask: number, value: Value): Value {
    return or(and(this.#whole(index), ~mask), and(value, mask));
  }

  override setHighByte(value: Value): void {
    const whole = shl(convert(value, this.addressType), 8);
    this.#assign(REGISTER.rax, this.#inserted(REGISTER.rax, 0xff00, whole), null);
  }

  protected override operandRegister(which: number, extension: Extension): Value {
    const operand = this.#given[which];
    if (operand?.kind !== "register") throw new RangeError(`operand ${which} is no register`);
    if (!operand.high) return this.register(operand.register, this.operandBytes(which), extension);
    const shifted = shrU(convert(this.#whole(operand.register), TYPE.i32), 8);
    if (extension === "any") return shifted;
    return extension === "signed" ? signExtend(1, shifted) : zeroExtend(1, shifted);
  }

  protected override setOperandRegister(which: number, value: Value): void {
    const operand = this.#given[which];
    if (operand?.kind !== "register") throw new RangeError(`operand ${which} is no register`);
    if (!operand.high) {
      this.setRegister(operand.register, this.operandBytes(which), value);
      return;
    }
    const whole = shl(convert(value, this.addressType), 8);
    this.#assign(operand.register, this.#inserted(operand.register, 0xff00, whole), null);
  }

  protected override immediate(which: number): Value {
    const operand = this.#given[which];
    if (operand?.kind !== "immediate") return constant(typeOf(this.operandBytes(which)), 0);
    if (this.operandBytes(which) !== 8) return i32(operand.value);
    const isShort = operand.high === operand.value >> 31;
    return constant(
      TYPE.i64,
      isShort ? operand.value : (BigInt(operand.high) << 32n) | BigInt(operand.value >>> 0),
    );
  }

  override x87Operand(which: number): Value {
    const operand = this.#given[which];
    return i32(operand?.kind === "x87" ? X87_REGISTER_BYTES * operand.register : 0);
  }

  // Vectors

  #wholeVector(index: number): Value {
    const value = this.#locals.vectors[index];
    if (value === undefined) throw new RangeError(`vector register ${index} has no local`);
    return value;
  }

  override vectorRegister(index: number): Value {
    return this.#wholeVector(index);
  }

  override setVectorRegister(index: number, value: Value): void {
    this.body.set(this.#wholeVector(index), value);
  }

  protected override operandVector(which: number): Value {
    const operand = this.#given[which];
    if (operand?.kind === "xmm") return this.vectorRegister(operand.register);
    return this.stateField(TYPE.v128, 8, this.#mmxOffset(which));
  }

  protected override setOperandVector(which: number, value: Value): void {
    const operand = this.#given[which];
    if (operand?.kind === "xmm") this.setVectorRegister(operand.register, value);
    else {
      const offset = this.#mmxOffset(which);
      this.setStateField(8, offset, value);
      this.setStateField(4, offset + X87_FIELD.signExponent, i32(MMX_SIGN_EXPONENT));
    }
  }

  #mmxOffset(which: number): number {
    const operand = this.#given[which];
    if (operand?.kind !== "mmx") throw new RangeError(`operand ${which} is no vector register`);
    return STATE.x87Registers + X87_REGISTER_BYTES * operand.register;
  }

  // Addresses

  #memoryOperand(): MemoryOperand {
    const given = this.#given;
    for (let position = 0; position < given.length; position++) {
      const operand = given[position];
      if (operand?.kind === "memory") return operand;
    }
    throw new RangeError("no memory operand");
  }

  /** Bits of an offset that the address size keeps. */
  #masked(offset: Value): Value {
    const { addressBytes } = this.#instruction();
    return addressBytes === this.wordBytes ? offset : and(offset, addressMask(addressBytes));
  }

  override offset(): Value {
    const operand = this.#memoryOperand();
    const instruction = this.#instruction();
    const { base, index, scale } = operand;
    let displacement = displacementOf(instruction, operand);
    if (operand.isRipRelative) displacement += this.#placed?.at ?? 0;
    let sum = constant(this.addressType, displacement);
    if (index >= 0) sum = add(shl(this.#whole(index), scale), sum);
    if (base >= 0) sum = add(this.#whole(base), sum);
    if (isBitString(instruction)) sum = add(sum, this.#bitElement());
    return this.#masked(sum);
  }

  /** Offset of the memory operand of an instruction in the turn that comes, as registers are before it. */
  steadyOffset({ placed, base, index }: SteadyAddress): Value {
    this.#placed = placed;
    this.#given = placed.instruction.operands;
    const { scale, displacement } = this.#memoryOperand();
    let sum = constant(this.addressType, displacement);
    if (index !== null) sum = add(shl(this.#steadyValue(index), scale), sum);
    return base === null ? sum : add(this.#steadyValue(base), sum);
  }

  #steadyValue(steady: SteadyRegister): Value {
    const { register, extension, plus, beyond } = steady;
    if (extension === "whole") return add(this.#whole(register), plus);
    return add(convert(this.steadyCounter(steady).value, this.addressType, extension === "sign"), beyond);
  }

  /** The low 32 bits of a steady register before they are extended. */
  steadyCounter({ register, extension, plus, step }: SteadyRegister): SteadyCounter {
    const value = add(convert(this.#whole(register), TYPE.i32), plus);
    return { value, isSigned: extension === "sign", step };
  }

  /** Distance of the element that holds a bit of a bit string. */
  #bitElement(): Value {
    const bitNumber = this.#given[1];
    const index = bitNumber?.kind === "register" ? bitNumber.register : 0;
    const { sizeBytes } = this;
    const log = Math.log2(8 * sizeBytes);
    const number = convert(this.register(index, sizeBytes, "signed"), this.addressType, true);
    return shl(shrS(number, log), log - 3);
  }

  override address(): Value {
    const operand = this.#memoryOperand();
    if (isFlat(this.mode, operand.segment)) return this.offset();
    const isWrite = memoryOperand(this.#instruction())?.isWrite ?? false;
    return this.#linear(this.offset(), operand.segment, operand.sizeBytes || this.sizeBytes, isWrite);
  }

  /** Linear address of an offset in a segment. Leaves where the segment forbids the access. */
  #linear(offset: Value, segment: SegmentIndex, sizeBytes: number, isWrite: boolean): Value {
    if (isFlat(this.mode, segment)) return offset;
    const at = STATE.segments + SEGMENT_BYTES * segment;
    const base = load(
      this.addressType,
      this.shape.wide ? 8 : 4,
      false,
      this.stateBlock(),
      at + SEGMENT_FIELD.base,
    );
    if (this.shape.wide) return add(offset, base);
    const pinned = this.pin(offset);
    const bounds = at + (isWrite ? SEGMENT_FIELD.writeFirst : SEGMENT_FIELD.readFirst);
    this.#flow.leaveIf(this.outOfBounds(pinned, i32(sizeBytes - 1), i32(bounds)));
    return add(pinned, base);
  }

  // Memory

  protected override translate(sizeBytes: number, address: Value, isWrite: boolean): Value {
    const placed = this.#placed;
    const addend = placed === null || this.addends.size === 0 ? undefined : this.addends.get(placed);
    if (addend !== undefined) return add(wrap(this.hold(address)), addend);
    if (placed !== null && this.#notesAccesses) this.accesses.push({ placed, sizeBytes, isWrite });
    const member = this.#groups[this.#located] ?? null;
    if (member === null || member.group.count < 2) return this.#ask(sizeBytes, this.hold(address), isWrite);
    const { group, place } = member;
    const distance = group.distanceTo(place);
    if (group.found !== null) return displaced(group.found, distance);
    const first = this.pin(add(address, -distance));
    const found = this.pin(this.#ask(group.sizeBytes, first, group.isWrite));
    group.found = found;
    return displaced(found, distance);
  }

  /** Where bytes are in memory, by the TLB. */
  #ask(sizeBytes: number, address: Value, isWrite: boolean): Value {
    const { tlb } = this.#places;
    const table = isWrite ? tlb.write : tlb.read;
    const entry = this.temporary(TYPE.i32);
    const found = tee(entry, tlbEntryOffset(address, this.#locals.spaceTag, this.#isLower));
    const tag = tlbTag(address, sizeBytes, this.#locals.spaceTag);
    const present = load(this.addressType, this.shape.wide ? 8 : 4, false, found, table + TLB_ENTRY.tag);
    this.#flow.leaveIf(ne(present, tag));
    return add(wrap(address), load(TYPE.i32, 4, false, entry, table + TLB_ENTRY.addend));
  }

  /** A write entry exists only for frames that nobody watches. */
  protected override storesDone(): void {}

  // Stack: flat wherever code is translated.

  override stackPointer(): Value {
    return this.#whole(REGISTER.rsp);
  }

  override setStackPointer(offset: Value): void {
    this.#assign(REGISTER.rsp, convert(offset, this.addressType), null);
  }

  override wrappedStackOffset(offset: Value): Value {
    return offset;
  }

  override stackAddress(offset: Value): Value {
    return offset;
  }

  // Flags

  override setFlags(kind: FlagsKind, a: Value, b: Value, result: Value): void {
    this.flags = {
      kind,
      dynamicKind: i32(kind),
      a: this.pin(a),
      b: this.pin(b),
      result: this.pin(result),
    };
  }

  /** Puts the flags where they are kept. */
  keepFlags(): void {
    const { flags, body, keptFlags: kept } = this;
    if (flags.kind === null) return;
    // A value may be another kept one: all are read before any is set.
    const a = this.#toKeep(flags.a, kept.a);
    const b = this.#toKeep(flags.b, kept.b);
    const result = this.#toKeep(flags.result, kept.result);
    if (a !== kept.a) body.set(kept.a, a);
    if (b !== kept.b) body.set(kept.b, b);
    if (result !== kept.result) body.set(kept.result, result);
    body.set(kept.dynamicKind, i32(flags.kind));
    this.flags = kept;
  }

  /** An operand of the flags, to be kept in a local: a copy where another kept one would be set before it is read. */
  #toKeep(value: Value, target: Value): Value {
    const kept = this.keptFlags;
    const wide = convert(value, this.addressType, true);
    if (wide === target || (wide !== kept.a && wide !== kept.b && wide !== kept.result)) return wide;
    const copy = this.temporary(wide.type);
    this.body.set(copy, wide);
    return copy;
  }

  override systemFlags(): Value {
    return this.stateField(TYPE.i32, 4, STATE.systemFlags);
  }

  override setSystemFlags(value: Value): void {
    this.setStateField(4, STATE.systemFlags, value);
  }

  // Control

  override when(condition: Value, then: () => void): void {
    const pinned = this.pin(condition);
    this.keepFlags();
    this.body.if(pinned);
    then();
    this.keepFlags();
    this.body.end();
    this.flags = this.keptFlags;
  }

  override faultIf(condition: Value): void {
    this.#flow.leaveIf(condition);
  }

  override rareIf(condition: Value): void {
    this.#flow.leaveIf(condition);
  }

  override thisInstruction(): Value {
    return constant(this.addressType, this.#placed?.at ?? 0);
  }

  override nextInstruction(): Value {
    return constant(this.addressType, this.#placed?.next ?? 0);
  }

  override jump(): void {
    this.#flow.jump();
  }

  override jumpIf(condition: Value): void {
    this.#flow.jumpIf(condition);
  }

  override jumpTo(target: Value): void {
    this.#flow.jumpTo(target);
  }

  // Support functions

  override stateBlock(): Value {
    return i32(this.#places.state);
  }

  protected override callSupport(support: SupportFunction, values: readonly Value[]): void {
    this.#callSupport(this.body, support, values);
  }

  override system(support: SupportFunction, ...values: readonly Value[]): void {
    this.#flow.system(
      support,
      values.map((value) => this.pin(value)),
    );
  }

  // Strings: single iterations of repeated ones are the interpreter's.

  override stringSource(): Value {
    const { segment, operandBytes } = this.#instruction();
    const offset = this.#masked(this.#whole(REGISTER.rsi));
    return this.#linear(offset, segment, operandBytes, false);
  }

  override stringDestination(): Value {
    const { mnemonic, operandBytes } = this.#instruction();
    const isWrite = stringAddresses(mnemonic).writes;
    return this.#linear(this.#masked(this.#whole(REGISTER.rdi)), 0, operandBytes, isWrite);
  }

  override stringMask(): Value {
    const { addressBytes } = this.#instruction();
    return constant(this.addressType, addressBytes === this.wordBytes ? -1 : addressMask(addressBytes));
  }

  override repeatIf(): void {
    throw new RangeError("single iterations are not translated");
  }

  override ownRecord(): Value {
    return i32(0);
  }

  override bulk(count: Value, run: (most: Value) => Value, advance: (done: Value) => Value): boolean {
    this.#flow.repeat(count, run, advance);
    return true;
  }

  /** Nothing: `RegionFlow.repeat` does no iteration when the counter is zero. */
  override finishIf(): void {}
}
