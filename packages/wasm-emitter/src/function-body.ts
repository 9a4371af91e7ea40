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
    this.#pushAll(values);
  }

  #pushAll(values: readonly Value[]): void {
    const code = this.#code;
    for (let position = 0; position < values.length; position++) values[position]?.emit(code);
  }

  /** Sets a local from a value, or from the top of the stack. */
  set(target: Value, value?: Value): void {
    const code = this.#code;
    if (value !== undefined) {
      if (value.type !== target.type)
        throw new EmitterError(`set: local ${target.type}, value ${value.type}`);
      value.emit(code);
    }
    code.instruction(OP.localSet, target.operation);
  }

  /** Stores the low `bytes` of a value at `address` + `offset`. Vectors: 1, 2, 4, 8 or 16 bytes. */
  store(bytes: number, address: Value, value: Value, offset = 0): void {
    const code = this.#code;
    const distance = displacement(address);
    if (distance === 0) address.emit(code);
    else address.first?.emit(code);
    value.emit(code);
    code.opcode(storeOpcode(value.type, bytes));
    code.instruction(0, offset + distance);
    if (value.type === TYPE.v128 && bytes < 16) code.byte(0);
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
    this.#code.instruction(opcode, result ?? VOID);
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
    this.#code.instruction(OP.branch, this.#depth - label);
  }

  /** Branches when the condition (or, without one, the top of the stack) is not zero. */
  branchIf(label: Label, condition?: Value): void {
    condition?.emit(this.#code);
    this.#code.instruction(OP.branchIf, this.#depth - label);
  }

  /** Branches to `labels[selector]`, or to `otherwise`. */
  branchTable(selector: Value, labels: readonly Label[], otherwise: Label): void {
    const code = this.#code;
    const depth = this.#depth;
    selector.emit(code);
    code.instruction(OP.branchTable, labels.length);
    for (let position = 0; position < labels.length; position++)
      code.unsigned(depth - (labels[position] ?? otherwise));
    code.unsigned(depth - otherwise);
  }

  /** Calls a function; its results are on the stack. */
  call(functionIndex: number, ...values: readonly Value[]): void {
    this.#pushAll(values);
    this.#code.instruction(OP.call, functionIndex);
  }

  /** Calls a function and sets a local from each of its results. */
  callInto(functionIndex: number, targets: readonly Value[], ...values: readonly Value[]): void {
    this.call(functionIndex, ...values);
    for (const target of targets.toReversed()) this.set(target);
  }

  /** Calls entry `selector` of table 0, of the type with index `typeIndex`. */
  callIndirect(typeIndex: number, selector: Value, ...values: readonly Value[]): void {
    this.#pushAll(values);
    selector.emit(this.#code);
    this.#code.instruction(OP.callIndirect, typeIndex);
    this.#code.unsigned(0);
  }

  return(...values: readonly Value[]): void {
    this.#pushAll(values);
    this.#code.byte(OP.return);
  }

  /** Pushes what a global holds. */
  getGlobal(index: number): void {
    this.#code.instruction(OP.globalGet, index);
  }

  /** Sets a global from the top of the stack. */
  setGlobal(index: number): void {
    this.#code.instruction(OP.globalSet, index);
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
