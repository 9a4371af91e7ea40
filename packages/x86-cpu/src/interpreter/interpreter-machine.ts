import { TLB_ENTRY, type TlbRegion } from "@xenolith/machine-interface";
import {
  add,
  and,
  compare,
  convert,
  eq,
  type FunctionBody,
  i32,
  i64,
  isZero,
  type Label,
  load,
  ltU,
  ne,
  or,
  select,
  shrU,
  sub,
  TYPE,
  type Value,
  wrap,
  xor,
} from "@xenolith/wasm-emitter";
import { packFault, REGISTER, SEGMENT, VECTOR } from "@xenolith/x86-architecture";
import { type Extension, Machine, type MachineShape, typeOf } from "../machine/machine.ts";
import { tlbEntryOffset, tlbTag } from "../machine/tlb-probe.ts";
import { FLAGS_KIND, type FlagsKind } from "../state/flags.ts";
import { MMX_SIGN_EXPONENT, SEGMENT_BYTES, SEGMENT_FIELD, STATE, X87_FIELD } from "../state/layout.ts";
import type { SupportFunction } from "../support/support-function.ts";
import { REFUSED } from "../support/system/system-emitter.ts";
import type { InterpreterLabels, InterpreterLocals } from "./interpreter-function.ts";
import { loadState, storeState } from "./kept-state.ts";
import { HEADER, LEAVE, RECORD, RECORD_BYTES } from "./record.ts";

/** What an interpreter is generated for. */
export interface InterpreterShape extends MachineShape {
  /**
   * Careful: accesses that cross pages or must not be cached go through TypeScript, and the stack may have any segment. Not
   * careful: such accesses leave with `LEAVE.careful`, and the stack is flat.
   */
  readonly careful: boolean;
  /** Whether blocks are counted and translations called. Never of a careful interpreter. */
  readonly counts: boolean;
}

/** Fewer iterations than this are done one by one. */
const BULK_ITERATIONS = 8;

const STACK_SEGMENT = STATE.segments + SEGMENT_BYTES * SEGMENT.ss;

/** Bits of the second argument of a translation function; its size is in bits 7:0. */
export const TRANSLATE = { write: 0x100 } as const;

/**
 * Answers of a translation function that are no host address, which is always below them. `refused`: a careful interpreter is
 * to do the instruction. `faulted`: the fault is in the state block.
 */
export const TRANSLATED = { refused: -1, faulted: -2 } as const;

/** Where an access goes that its TLB entry does not allow: what it was, and a label behind which its instruction is begun again. */
export interface AccessMiss {
  readonly address: Value;
  readonly flags: Value;
  label(): Label;
}

/** Emits handlers: operands are read from the record, effects go to the state block. */
export class InterpreterMachine extends Machine {
  /** Whether the meaning has gone somewhere, so that nothing follows. */
  hasEnded = false;
  readonly #careful: boolean;
  readonly #locals: InterpreterLocals;
  readonly #labels: InterpreterLabels;
  readonly #tlb: TlbRegion;
  readonly #translateFunction: number;
  readonly #commitFunction: number;
  readonly #once: Value;
  readonly #miss: AccessMiss | null;
  readonly #supportIndex: (support: SupportFunction) => number;
  /** Arrays of the TLB in which the handler of an instruction that is begun again has looked. */
  readonly #lookedIn = new Set<number>();
  /** Whether the present handler has made an access that writes. */
  #hasWritten = false;

  constructor(
    body: FunctionBody,
    shape: InterpreterShape,
    locals: InterpreterLocals,
    labels: InterpreterLabels,
    environment: {
      readonly tlb: TlbRegion;
      readonly translateFunction: number;
      readonly commitFunction: number;
      readonly once: Value;
      readonly miss: AccessMiss | null;
      supportIndex(support: SupportFunction): number;
    },
  ) {
    super(body, shape);
    this.#careful = shape.careful;
    this.#locals = locals;
    this.#labels = labels;
    this.#tlb = environment.tlb;
    this.#translateFunction = environment.translateFunction;
    this.#commitFunction = environment.commitFunction;
    this.#once = environment.once;
    this.#miss = environment.miss;
    this.#supportIndex = environment.supportIndex;
  }

  /** The lazy flags where the function keeps them. */
  get flagLocals(): { readonly kind: Value; readonly a: Value; readonly b: Value; readonly result: Value } {
    const { dynamicKind, a, b, result } = this.keptFlags;
    return { kind: dynamicKind, a, b, result };
  }

  /** Begins a handler. */
  begin(sizeBytes: number, operands: Machine["operands"]): void {
    this.temporaries.reset();
    this.#lookedIn.clear();
    this.#hasWritten = false;
    this.sizeBytes = sizeBytes;
    this.operands = operands;
    this.hasEnded = false;
  }

  /** Ends a handler: on to the next record. */
  finish(): void {
    if (this.hasEnded) return;
    this.body.set(this.#locals.record, add(this.#locals.record, RECORD_BYTES));
    this.body.branch(this.#labels.next);
  }

  // Record fields

  /** A 16-bit field of the record. */
  field16(offset: number): Value {
    return load(TYPE.i32, 2, false, this.#locals.record, offset);
  }

  field32(offset: number): Value {
    return load(TYPE.i32, 4, false, this.#locals.record, offset);
  }

  /** A 64-bit field of the record, of the address type. */
  fieldAddress(offset: number): Value {
    return load(this.addressType, this.shape.wide ? 8 : 4, false, this.#locals.record, offset);
  }

  /** The bits of an address that stay when those that a field says are cut off. */
  cutMask(field: number): Value {
    const all = this.shape.wide ? i64(-1) : i32(-1);
    return shrU(all, load(this.addressType, 1, false, this.#locals.record, field));
  }

  // Registers

  /** Offset of the state block, to be part of an instruction. */
  get #stateBase(): number {
    return this.#locals.state.number >>> 0;
  }

  /** A register whose offset in the state block is a value. */
  registerAt(offset: Value, sizeBytes: number, extension: Extension): Value {
    return load(typeOf(sizeBytes), sizeBytes, extension === "signed", offset, this.#stateBase);
  }

  #setRegisterAt(place: Value, offset: number, sizeBytes: number, value: Value): void {
    if (this.shape.wide && sizeBytes === 4)
      this.body.store(8, place, convert(convert(value, TYPE.i32), TYPE.i64), offset);
    else this.body.store(sizeBytes, place, convert(value, typeOf(sizeBytes)), offset);
  }

  override register(index: number, sizeBytes: number, extension: Extension = "any"): Value {
    return load(
      typeOf(sizeBytes),
      sizeBytes,
      extension === "signed",
      this.#locals.state,
      this.registerOffset(index),
    );
  }

  override setRegister(index: number, sizeBytes: number, value: Value): void {
    this.#setRegisterAt(this.#locals.state, this.registerOffset(index), sizeBytes, value);
  }

  override setHighByte(value: Value): void {
    this.body.store(1, this.#locals.state, value, this.registerOffset(REGISTER.rax) + 1);
  }

  #operandOffset(which: number): Value {
    return this.field16(which === 0 ? RECORD.register0 : which === 1 ? RECORD.register1 : RECORD.extra);
  }

  protected override operandVector(which: number): Value {
    return load(TYPE.v128, this.operandBytes(which), false, this.#operandOffset(which), this.#stateBase);
  }

  protected override setOperandVector(which: number, value: Value): void {
    const offset = this.#operandOffset(which);
    this.body.store(this.operandBytes(which), offset, value, this.#stateBase);
    if (this.isOperand(which, "mmx"))
      this.body.store(4, offset, i32(MMX_SIGN_EXPONENT), this.#stateBase + X87_FIELD.signExponent);
  }

  protected override operandRegister(which: number, extension: Extension): Value {
    return this.registerAt(this.#operandOffset(which), this.operandBytes(which), extension);
  }

  protected override setOperandRegister(which: number, value: Value): void {
    this.#setRegisterAt(this.#operandOffset(which), this.#stateBase, this.operandBytes(which), value);
  }

  override x87Operand(which: number): Value {
    return this.field16(which === 0 ? RECORD.register0 : RECORD.register1);
  }

  protected override immediate(which: number): Value {
    const { record } = this.#locals;
    if (this.operandBytes(which) !== 8) return load(TYPE.i32, 4, false, record, RECORD.immediate);
    // Beside a memory operand there are only such of 32 bits.
    if (this.operands.some(({ kind }) => kind === "memory"))
      return load(TYPE.i64, 4, true, record, RECORD.immediate);
    return load(TYPE.i64, 8, false, record, RECORD.wideImmediate);
  }

  // Memory

  #addressRegister(field: number): Value {
    return load(this.addressType, this.shape.wide ? 8 : 4, false, this.field16(field), this.#stateBase);
  }

  override address(): Value {
    const scale = convert(load(TYPE.i32, 1, false, this.#locals.record, RECORD.scale), this.addressType);
    return this.scaled(
      this.#addressRegister(RECORD.base),
      this.#addressRegister(RECORD.index),
      scale,
      this.fieldAddress(RECORD.displacement),
    );
  }

  override offset(): Value {
    return this.address();
  }

  protected override translate(sizeBytes: number, at: Value, isWrite: boolean): Value {
    const { body } = this;
    const address = this.hold(at);
    if (!this.#careful) this.#checkWrittenLast(isWrite);
    const table = isWrite ? this.#tlb.write : this.#tlb.read;
    const flags = isWrite ? TRANSLATE.write : 0;
    const entry = this.temporary(TYPE.i32);
    const host = this.temporary(TYPE.i32);
    body.set(entry, tlbEntryOffset(address, this.#locals.spaceTag));
    const tag = tlbTag(address, sizeBytes, this.#locals.spaceTag);
    const present = load(this.addressType, this.shape.wide ? 8 : 4, false, entry, table + TLB_ENTRY.tag);
    const miss = this.#miss;
    if (miss !== null) {
      this.#checkBegunAgain(table);
      body.set(miss.address, address);
      body.set(miss.flags, i32(sizeBytes | flags));
      body.branchIf(miss.label(), ne(present, tag));
      body.set(host, add(wrap(address), load(TYPE.i32, 4, false, entry, table + TLB_ENTRY.addend)));
      return host;
    }
    const found = body.block();
    const missing = body.block();
    body.branchIf(missing, ne(present, tag));
    body.set(host, add(wrap(address), load(TYPE.i32, 4, false, entry, table + TLB_ENTRY.addend)));
    body.branch(found);
    body.end();
    body.call(this.#translateFunction, address, i32(sizeBytes | flags), this.#locals.spaceTag);
    body.set(host);
    body.branchIf(found, ltU(host, TRANSLATED.faulted));
    this.refund();
    const isFault = eq(host, TRANSLATED.faulted);
    this.leave(this.#careful ? i32(LEAVE.fault) : select(i32(LEAVE.fault), i32(LEAVE.careful), isFault));
    body.end();
    return host;
  }

  /**
   * A handler that a miss begins again must not look twice in one array: two pages with one index would take turns there, and the
   * instruction would never end. Such an instruction belongs into another part.
   */
  #checkBegunAgain(table: number): void {
    if (this.#lookedIn.has(table))
      throw new Error("a handler of the common part makes two accesses of one kind");
    this.#lookedIn.add(table);
  }

  /**
   * A handler that leaves what it cannot do to the careful interpreter must write last. To announce a store forgets the code that it
   * changes, which may be the instruction's own: refused behind that, it would be decoded again, announce again, and never end.
   */
  #checkWrittenLast(isWrite: boolean): void {
    if (this.#hasWritten) throw new Error("a handler makes an access behind one that writes");
    this.#hasWritten = isWrite;
  }

  protected override get makesPieces(): boolean {
    return this.#careful;
  }

  protected override storesDone(host: Value): void {
    if (!this.#careful) return;
    const pending = load(TYPE.i32, 4, false, this.#locals.state, STATE.pendingStore);
    this.body.if(eq(pending, host));
    this.body.call(this.#commitFunction);
    this.body.end();
  }

  // Stack

  #stackMask(): Value {
    return load(TYPE.i32, 4, false, this.#locals.state, STATE.stackMask);
  }

  override stackPointer(): Value {
    const pointer = this.register(REGISTER.rsp, this.wordBytes, "zero");
    return this.#careful && !this.shape.wide ? and(pointer, this.#stackMask()) : pointer;
  }

  override setStackPointer(offset: Value): void {
    if (!this.#careful || this.shape.wide) {
      this.setRegister(REGISTER.rsp, this.wordBytes, offset);
      return;
    }
    const kept = and(this.register(REGISTER.rsp, 4), xor(this.#stackMask(), -1));
    this.setRegister(REGISTER.rsp, 4, or(kept, offset));
  }

  override wrappedStackOffset(offset: Value): Value {
    return this.#careful && !this.shape.wide ? and(offset, this.#stackMask()) : offset;
  }

  override stackAddress(offset: Value, sizeBytes: number, isWrite: boolean): Value {
    if (!this.#careful || this.shape.wide) return offset;
    const bounds = STACK_SEGMENT + (isWrite ? SEGMENT_FIELD.writeFirst : SEGMENT_FIELD.readFirst);
    const pinned = this.pin(offset);
    const fault = packFault(VECTOR.stackFault, 0);
    this.#faultWhen(this.outOfBounds(pinned, i32(sizeBytes - 1), i32(bounds)), i32(fault));
    return add(pinned, load(TYPE.i32, 4, false, this.#locals.state, STACK_SEGMENT + SEGMENT_FIELD.base));
  }

  // Flags

  override setFlags(kind: FlagsKind, a: Value, b: Value, result: Value): void {
    const locals = this.keptFlags;
    const assign = (target: Value, value: Value): void => {
      if (value !== target) this.body.set(target, convert(value, this.addressType, true));
    };
    const usesA = kind !== FLAGS_KIND.logic && kind !== FLAGS_KIND.given;
    // The new value of one may be made from the old value of another: all are computed before any is set.
    const changes: (readonly [Value, Value])[] = [
      [locals.b, b],
      [locals.result, result],
    ];
    if (usesA) changes.push([locals.a, a]);
    const pinned = changes.map(
      ([target, value]) => [target, this.pin(convert(value, this.addressType, true))] as const,
    );
    for (const [target, value] of pinned) assign(target, value);
    this.body.set(locals.dynamicKind, i32(kind));
  }

  override systemFlags(): Value {
    return load(TYPE.i32, 4, false, this.#locals.state, STATE.systemFlags);
  }

  override setSystemFlags(value: Value): void {
    this.body.store(4, this.#locals.state, value, STATE.systemFlags);
  }

  // Control

  /** Leaves the interpreter; the instruction pointer names this instruction. */
  leave(code: number | Value): void {
    this.#setLeaveCode(code);
    this.body.branch(this.#labels.leave);
  }

  /** Leaves with the instruction pointer as it is. */
  leaveAt(code: number | Value): void {
    this.#setLeaveCode(code);
    this.body.branch(this.#labels.exit);
  }

  #setLeaveCode(code: number | Value): void {
    if (code === this.#locals.leaveCode) return;
    this.body.set(this.#locals.leaveCode, typeof code === "number" ? i32(code) : code);
  }

  /** Gives back what was charged for this instruction and those behind it. */
  refund(): void {
    this.body.set(this.#locals.budget, add(this.#locals.budget, this.field16(RECORD.remaining)));
  }

  #faultWhen(condition: Value, packed: Value): void {
    this.body.if(condition);
    this.raise(packed);
    this.body.end();
  }

  /** Leaves with a fault. */
  raise(packed: Value): void {
    this.body.store(4, this.#locals.state, packed, STATE.fault);
    this.refund();
    this.leave(LEAVE.fault);
  }

  override when(condition: Value, then: () => void): void {
    this.body.if(condition);
    then();
    this.body.end();
  }

  override faultIf(condition: Value, vector: number): void {
    this.#faultWhen(condition, i32(packFault(vector, 0)));
  }

  override rareIf(condition: Value): void {
    this.body.if(condition);
    this.refund();
    this.body.set(this.#locals.budget, sub(this.#locals.budget, 1));
    this.leave(LEAVE.rare);
    this.body.end();
  }

  override thisInstruction(): Value {
    const header = sub(this.#locals.record, this.field16(RECORD.header));
    const first = load(this.addressType, this.shape.wide ? 8 : 4, false, header, HEADER.instructionPointer);
    return add(first, load(this.addressType, 2, false, this.#locals.record, RECORD.place));
  }

  override nextInstruction(): Value {
    const length = load(this.addressType, 1, false, this.#locals.record, RECORD.length);
    return add(this.thisInstruction(), length);
  }

  /** Follows a link, or goes to where its target is looked up. */
  #follow(link: number, unlinked: Label): void {
    const record = this.temporary(TYPE.i32);
    this.body.set(record, this.field32(link));
    this.body.if(record);
    this.body.set(this.#locals.record, record);
    this.body.branch(this.#labels.enter);
    this.body.end();
    this.body.branch(unlinked);
  }

  /** Goes to an offset in CS. */
  goto(target: Value): void {
    this.body.set(this.#locals.instructionPointer, target);
    this.body.branch(this.#labels.lookup);
  }

  override jump(): void {
    this.#follow(RECORD.linkTarget, this.#labels.target);
    this.hasEnded = true;
  }

  /** Offset in CS of the target of a direct branch. */
  directTarget(): Value {
    return add(this.nextInstruction(), load(this.addressType, 4, true, this.#locals.record, RECORD.distance));
  }

  /** On to the block behind this instruction. */
  fallThrough(): void {
    this.#follow(RECORD.linkNext, this.#labels.behind);
  }

  override jumpIf(condition: Value): void {
    this.body.if(condition);
    this.#follow(RECORD.linkTarget, this.#labels.target);
    this.body.end();
    this.fallThrough();
    this.hasEnded = true;
  }

  override jumpTo(target: Value): void {
    this.goto(target);
    this.hasEnded = true;
  }

  // Support functions

  override stateBlock(): Value {
    return this.#locals.state;
  }

  protected override callSupport(support: SupportFunction, values: readonly Value[]): void {
    this.body.call(this.#supportIndex(support), ...values);
  }

  override system(support: SupportFunction, ...values: readonly Value[]): void {
    const { body } = this;
    const locals = this.#locals;
    const pinned = values.map((value) => this.pin(value));
    body.set(locals.instructionPointer, this.nextInstruction());
    storeState(this, locals);
    const answer = this.temporary(TYPE.i32);
    this.callSupport(support, pinned);
    body.set(answer);
    body.if(eq(answer, REFUSED));
    this.leave(LEAVE.rare);
    body.end();
    loadState(this, locals);
    body.if(answer);
    this.leaveAt(LEAVE.attend);
    body.end();
    body.set(locals.spaceTag, load(TYPE.i32, 4, false, locals.state, STATE.spaceTag));
    body.branch(this.#labels.lookup);
    this.hasEnded = true;
  }

  // Strings. The fields of the address are those of source (base) and destination (index).

  override stringSource(): Value {
    return this.#addressRegister(RECORD.base);
  }

  override stringDestination(): Value {
    return this.#addressRegister(RECORD.index);
  }

  override stringMask(): Value {
    return this.cutMask(RECORD.addressCut);
  }

  override repeatIf(condition: Value): void {
    const { body } = this;
    const { budget, record } = this.#locals;
    body.if(condition);
    body.if(isZero(budget));
    this.leave(LEAVE.budget);
    body.end();
    if (this.#careful) {
      body.if(this.#once);
      this.leave(LEAVE.proceed);
      body.end();
    }
    body.set(budget, sub(budget, 1));
    body.set(record, sub(record, this.field16(RECORD.extra)));
    body.branch(this.#labels.next);
    body.end();
    this.fallThrough();
    this.hasEnded = true;
  }

  override ownRecord(): Value {
    return this.#locals.record;
  }

  override bulk(count: Value, run: (most: Value) => Value, advance: (done: Value) => Value): boolean {
    const { body } = this;
    const { budget } = this.#locals;
    // Shorter addresses, and those of segments that are not flat, are checked and wrapped one by one.
    const isWhole = and(
      eq(this.stringMask(), -1),
      and(ltU(this.field16(RECORD.base), STATE.zero), ltU(this.field16(RECORD.index), STATE.zero)),
    );
    body.if(and(compare("geU", count, BULK_ITERATIONS), isWhole));
    // A repeated instruction is the last of its block: it is charged, and nothing behind it.
    const charged = this.pin(add(budget, 1));
    const most = select(wrap(count), charged, ltU(count, this.toAddress(charged)));
    const done = this.pin(run(this.pin(most)));
    body.if(done);
    body.set(budget, sub(charged, done));
    this.repeatIf(ne(advance(done), 0));
    body.end();
    body.end();
    this.hasEnded = false;
    return false;
  }

  override finishIf(condition: Value): void {
    this.body.if(condition);
    this.fallThrough();
    this.body.end();
  }
}
