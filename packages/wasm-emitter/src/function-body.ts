import { ByteBuffer } from "./byte-buffer.ts";
import { constant, displacement, local } from "./expressions.ts";
import { BULK, OP, storeOpcode, VOID } from "./opcodes.ts";
import { EmitterError, TYPE, type ValueType } from "./types.ts";
import type { Value } from "./value.ts";

/** A block that can be branched to: its nesting depth. Stays valid until the block ends. */
export type Label = number;

/** The body of one function under construction. Every method appends instructions. */
export class FunctionBody {
  /** Index of the function in its module. */
  readonly index: number;
  /** Types of the locals beyond the parameters. */
  readonly localTypes: ValueType[] = [];
  readonly #code = new ByteBuffer();
  readonly #parameters: readonly ValueType[];
  #depth = 0;

  constructor(index: number, parameters: readonly ValueType[]) {
    this.index = index;
    this.#parameters = parameters;
  }

  /** Instructions so far. */
  get code(): Uint8Array {
    return this.#code.view();
  }

  /** Throws unless every block was ended; gives the storage back once `code` has been copied. */
  finish(copy: (code: Uint8Array) => void): void {
    if (this.#depth !== 0) throw new EmitterError(`${this.#depth} blocks left open`);
    copy(this.#code.view());
    this.#code.release();
  }

  /** Parameter number `position` as a value. */
  parameter(position: number): Value {
    const type = this.#parameters[position];
    if (type === undefined) throw new EmitterError(`no parameter ${position}`);
    return local(position, type);
  }

  /** Adds a local. */
  local(type: ValueType): Value {
    this.localTypes.push(type);
    return local(this.#parameters.length + this.localTypes.length - 1, type);
  }

  /** Leaves values on the stack. */
  push(...values: readonly Value[]): void {
    for (const value of values) value.emit(this.#code);
  }

  /** Sets a local from a value, or from the top of the stack. */
  set(target: Value, value?: Value): void {
    if (value !== undefined) {
      if (value.type !== target.type)
        throw new EmitterError(`set: local ${target.type}, value ${value.type}`);
      value.emit(this.#code);
    }
    this.#code.byte(OP.localSet);
    this.#code.unsigned(target.operation);
  }

  /** Stores the low `bytes` of a value at `address` + `offset`. Vectors: 1, 2, 4, 8 or 16 bytes. */
  store(bytes: number, address: Value, value: Value, offset = 0): void {
    const distance = displacement(address);
    if (distance === 0) address.emit(this.#code);
    else address.first?.emit(this.#code);
    value.emit(this.#code);
    const opcode = storeOpcode(value.type, bytes);
    if (opcode < 0x100) this.#code.byte(opcode);
    else {
      this.#code.byte(opcode >>> 16);
      this.#code.unsigned(opcode & 0xffff);
    }
    this.#code.byte(0);
    this.#code.unsigned(offset + distance);
    if (value.type === TYPE.v128 && bytes < 16) this.#code.byte(0);
  }

  /** Copies bytes of memory; the two areas may overlap. Offsets and count are i32. */
  copyMemory(destination: Value, source: Value, bytes: Value): void {
    this.push(destination, source, bytes);
    this.#code.byte(OP.bulkPrefix);
    this.#code.byte(BULK.copy);
    this.#code.byte(0);
    this.#code.byte(0);
  }

  /** Sets bytes of memory to the low byte of an i32. */
  fillMemory(destination: Value, value: Value, bytes: Value): void {
    this.push(destination, value, bytes);
    this.#code.byte(OP.bulkPrefix);
    this.#code.byte(BULK.fill);
    this.#code.byte(0);
  }

  #open(opcode: number, result: ValueType | undefined): Label {
    this.#code.byte(opcode);
    this.#code.byte(result ?? VOID);
    this.#depth += 1;
    return this.#depth;
  }

  /** Opens a block; branching to it goes behind its end. */
  block(result?: ValueType): Label {
    return this.#open(OP.block, result);
  }

  /** Opens a loop; branching to it goes to its beginning. */
  loop(): Label {
    return this.#open(OP.loop, undefined);
  }

  /** Opens a conditional on a value, or on the top of the stack. */
  if(condition?: Value, result?: ValueType): Label {
    condition?.emit(this.#code);
    return this.#open(OP.if, result);
  }

  else(): void {
    this.#code.byte(OP.else);
  }

  /** Ends the innermost block. */
  end(): void {
    if (this.#depth === 0) throw new EmitterError("end without a block");
    this.#code.byte(OP.end);
    this.#depth -= 1;
  }

  branch(label: Label): void {
    this.#code.byte(OP.branch);
    this.#code.unsigned(this.#depth - label);
  }

  /** Branches when the condition (or, without one, the top of the stack) is not zero. */
  branchIf(label: Label, condition?: Value): void {
    condition?.emit(this.#code);
    this.#code.byte(OP.branchIf);
    this.#code.unsigned(this.#depth - label);
  }

  /** Branches to `labels[selector]`, or to `otherwise`. */
  branchTable(selector: Value, labels: readonly Label[], otherwise: Label): void {
    selector.emit(this.#code);
    this.#code.byte(OP.branchTable);
    this.#code.unsigned(labels.length);
    for (const label of labels) this.#code.unsigned(this.#depth - label);
    this.#code.unsigned(this.#depth - otherwise);
  }

  /** Calls a function; its results are on the stack. */
  call(functionIndex: number, ...values: readonly Value[]): void {
    this.push(...values);
    this.#code.byte(OP.call);
    this.#code.unsigned(functionIndex);
  }

  /** Calls a function and sets a local from each of its results. */
  callInto(functionIndex: number, targets: readonly Value[], ...values: readonly Value[]): void {
    this.call(functionIndex, ...values);
    for (const target of targets.toReversed()) this.set(target);
  }

  /** Calls entry `selector` of table 0, of the type with index `typeIndex`. */
  callIndirect(typeIndex: number, selector: Value, ...values: readonly Value[]): void {
    this.push(...values, selector);
    this.#code.byte(OP.callIndirect);
    this.#code.unsigned(typeIndex);
    this.#code.unsigned(0);
  }

  return(...values: readonly Value[]): void {
    this.push(...values);
    this.#code.byte(OP.return);
  }

  /** Pushes what a global holds. */
  getGlobal(index: number): void {
    this.#code.byte(OP.globalGet);
    this.#code.unsigned(index);
  }

  /** Sets a global from the top of the stack. */
  setGlobal(index: number): void {
    this.#code.byte(OP.globalSet);
    this.#code.unsigned(index);
  }

  drop(): void {
    this.#code.byte(OP.drop);
  }

  unreachable(): void {
    this.#code.byte(OP.unreachable);
  }

  /** Adds a constant to an integer local. */
  increment(target: Value, by: number): void {
    this.push(target, constant(target.type, by));
    this.#code.byte(target.type === 0x7f ? 0x6a : 0x7c);
    this.set(target);
  }
}
