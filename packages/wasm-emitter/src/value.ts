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
  /** Numeric value of a constant: i32 signed, i64 when it is a safe integer, floats. Offset of a load; number of a lane. */
  readonly number: number;
  /** Value of an i64 constant that is not a safe integer; bits of a vector; bytes of a shuffle, first lowest. */
  readonly wide: bigint | null;
  readonly first: Value | null;
  readonly second: Value | null;
  readonly third: Value | null;

  constructor(
    type: ValueType,
    node: NodeKind,
    operation: number,
    number: number,
    wide: bigint | null,
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
    return this.node === NODE.constant;
  }

  get isLocal(): boolean {
    return this.node === NODE.local;
  }

  /** Whether emitting it twice costs nothing: a constant or a local. */
  get isPinned(): boolean {
    return this.node <= NODE.local;
  }

  /** Appends the instructions that leave the value on the stack. */
  emit(out: ByteBuffer): void {
    if (this.node === NODE.constant) {
      this.#emitConstant(out);
      return;
    }
    if (this.node === NODE.local) {
      out.byte(OP.localGet);
      out.unsigned(this.operation);
      return;
    }
    this.first?.emit(out);
    this.second?.emit(out);
    this.third?.emit(out);
    if (this.node === NODE.tee) {
      out.byte(OP.localTee);
      out.unsigned(this.operation);
      return;
    }
    if (this.operation < 0x100) out.byte(this.operation);
    else {
      out.byte(this.operation >>> 16);
      out.unsigned(this.operation & 0xffff);
    }
    if (this.node === NODE.load) {
      out.byte(0);
      out.unsigned(this.number);
    } else if (this.node === NODE.lane) out.byte(this.number);
    else if (this.node === NODE.shuffle) out.vector(this.wide ?? 0n);
  }

  #emitConstant(out: ByteBuffer): void {
    if (this.type === TYPE.i32) {
      out.byte(OP.i32Const);
      out.signed(this.number);
    } else if (this.type === TYPE.f64) {
      out.byte(OP.f64Const);
      out.float64(this.number);
    } else if (this.type === TYPE.f32) {
      out.byte(OP.f32Const);
      out.float32(this.number);
    } else if (this.type === TYPE.v128) {
      out.byte(VECTOR_PREFIX >>> 16);
      out.byte(VECTOR_CONSTANT);
      out.vector(this.wide ?? 0n);
    } else {
      out.byte(OP.i64Const);
      if (this.wide === null) out.signed(this.number);
      else out.signedWide(this.wide);
    }
  }
}
