import type { ByteBuffer } from "./byte-buffer.ts";
import { OP } from "./opcodes.ts";
import { TYPE, type ValueType } from "./types.ts";
import { VECTOR_CONSTANT, VECTOR_PREFIX } from "./vector-opcodes.ts";

/** Shapes of a node: what `operation` and the children mean. */
export const NODE = {
  constant: 0,
  local: 1,
  unary: 2,
  binary: 3,
  load: 4,
  select: 5,
  lane: 6,
  shuffle: 7,
  tee: 8,
} as const;

const CONSTANT = NODE.constant;
const LOCAL = NODE.local;

type NodeKind = (typeof NODE)[keyof typeof NODE];

/**
 * A typed expression that has not been emitted yet. Emitting it leaves one value on the operand stack. Values are immutable
 * and may be emitted any number of times, each time anew: a tree that names a local sees what the local holds *then*. Build
 * them with the functions of expressions.ts, which fold constants.
 */
export class Value {
  readonly type: ValueType;
  readonly node: NodeKind;
  /** Opcode (prefix in bits 23:16), index of the local (also of `tee`), or unused for constants. */
  readonly operation: number;
  /**
   * Value of an integer constant that fits into 32 bits, signed. Offset of a load, modulo 2^32; number of a lane; of an addition, how
   * far a `displaced` address is behind its first operand. Else 0. Never more than 32 bits: engines keep such fields unboxed.
   */
  readonly number: number;
  /**
   * Value of a constant that `number` cannot hold: of an i64, a number when that is a safe integer; of a float, a number always;
   * bits of a vector. Bytes of a shuffle, first lowest. Else null.
   */
  readonly wide: number | bigint | null;
  readonly first: Value | null;
  readonly second: Value | null;
  readonly third: Value | null;

  constructor(
    type: ValueType,
    node: NodeKind,
    operation: number,
    number: number,
    wide: number | bigint | null,
    first: Value | null,
    second: Value | null,
    third: Value | null,
  ) {
    this.type = type;
    this.node = node;
    this.operation = operation;
    this.number = number;
    this.wide = wide;
    this.first = first;
    this.second = second;
    this.third = third;
  }

  get isConstant(): boolean {
    return this.node === CONSTANT;
  }

  get isLocal(): boolean {
    return this.node === LOCAL;
  }

  /** Whether emitting it twice costs nothing: a constant or a local. */
  get isPinned(): boolean {
    return this.node <= LOCAL;
  }

  /** Appends the instructions that leave the value on the stack. */
  emit(out: ByteBuffer): void {
    const { node, operation } = this;
    if (node === LOCAL) {
      out.instruction(OP.localGet, operation);
      return;
    }
    if (node === CONSTANT) {
      if (this.type === TYPE.i32) out.constant(OP.i32Const, this.number);
      else if (this.wide === null) out.constant(OP.i64Const, this.number);
      else emitWide(out, this.type, this.wide);
      return;
    }
    if (this.first !== null) this.first.emit(out);
    if (this.second !== null) this.second.emit(out);
    if (this.third !== null) this.third.emit(out);
    if (node === NODE.tee) out.instruction(OP.localTee, operation);
    else {
      out.opcode(operation);
      if (node === NODE.load) out.instruction(0, this.number);
      else if (node === NODE.lane) out.byte(this.number);
      else if (node === NODE.shuffle) out.vector(BigInt(this.wide ?? 0));
    }
  }
}

/** Emits a constant that takes more than 32 bits. */
const emitWide = (out: ByteBuffer, type: ValueType, value: number | bigint): void => {
  if (type === TYPE.i64) {
    out.byte(OP.i64Const);
    if (typeof value === "number") out.signed(value);
    else out.signedWide(value);
  } else if (type === TYPE.v128) {
    out.opcode(VECTOR_PREFIX | VECTOR_CONSTANT);
    out.vector(BigInt(value));
  } else if (type === TYPE.f64) {
    out.byte(OP.f64Const);
    out.float64(Number(value));
  } else {
    out.byte(OP.f32Const);
    out.float32(Number(value));
  }
};
