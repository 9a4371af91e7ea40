import {
  add,
  and,
  type FunctionBody,
  i32,
  isZero,
  load,
  or,
  shl,
  shrU,
  sub,
  TYPE,
  type Value,
} from "@xenolith/wasm-emitter";
import { named } from "../floating-point/emit.ts";
import { STATE, X87_FIELD } from "../state/layout.ts";
import type { SupportContext } from "../support/support-function.ts";

const { i32: I32, i64: I64 } = TYPE;

/** Bits of the status word. [SDM1-8.1.3] */
export const STATUS = {
  exceptions: 0x3f,
  stackFault: 0x40,
  summary: 0x80,
  c0: 0x100,
  c1: 0x200,
  c2: 0x400,
  top: 0x3800,
  c3: 0x4000,
  busy: 0x8000,
  codes: 0x4700,
} as const;

/** One place up or down in TOP, bits 13:11 of the status word. */
export const TOP_STEP = 0x800;

/** The control word: bits that can be written, and one that reads as 1. */
export const CONTROL = { writable: 0x1f3f, set: 0x40 } as const;

/**
 * The x87 registers as a support function works on them. Registers are named by *place*, 16 times their number: as offsets
 * from ST(0) in what callers pass, as physical offsets in the state block here.
 */
export class X87Registers {
  readonly status: Value;
  readonly #body: FunctionBody;
  readonly #state: number;

  constructor(body: FunctionBody, context: SupportContext) {
    this.#body = body;
    this.#state = context.state;
    this.status = named(body, this.#word(STATE.x87Status));
  }

  #word(field: number): Value {
    return load(I32, 4, false, i32(0), this.#state + field);
  }

  #setWord(field: number, value: Value): void {
    this.#body.store(4, i32(0), value, this.#state + field);
  }

  get control(): Value {
    return this.#word(STATE.x87Control);
  }

  get tags(): Value {
    return this.#word(STATE.x87Tags);
  }

  setStatus(value: Value): void {
    this.#setWord(STATE.x87Status, value);
  }

  setTags(value: Value): void {
    this.#setWord(STATE.x87Tags, value);
  }

  /** Physical place of ST(i), given 16 i. */
  place(index: Value | number): Value {
    const top = shrU(this.status, 7);
    return and(index === 0 ? top : add(top, index), 0x70);
  }

  mantissa(place: Value): Value {
    return load(I64, 8, false, place, this.#state + STATE.x87Registers + X87_FIELD.mantissa);
  }

  head(place: Value): Value {
    return load(I32, 2, false, place, this.#state + STATE.x87Registers + X87_FIELD.signExponent);
  }

  setRegister(place: Value, mantissa: Value, head: Value): void {
    const at = this.#state + STATE.x87Registers;
    this.#body.store(8, place, mantissa, at + X87_FIELD.mantissa);
    this.#body.store(2, place, head, at + X87_FIELD.signExponent);
  }

  setHead(place: Value, head: Value): void {
    this.#body.store(2, place, head, this.#state + STATE.x87Registers + X87_FIELD.signExponent);
  }

  /** Bit 0 set: the register is not empty. */
  isUsed(place: Value, tags: Value = this.tags): Value {
    return shrU(tags, shrU(place, 4));
  }

  isEmpty(place: Value, tags: Value = this.tags): Value {
    return isZero(and(this.isUsed(place, tags), 1));
  }

  /** Bit of a register in the tags. */
  bit(place: Value): Value {
    return shl(i32(1), shrU(place, 4));
  }

  markUsed(place: Value): void {
    this.setTags(or(this.tags, this.bit(place)));
  }

  markEmpty(place: Value): void {
    this.setTags(and(this.tags, sub(sub(i32(0), this.bit(place)), 1)));
  }

  /** A status word with TOP moved by a number of registers. */
  moved(status: Value, by: number): Value {
    const top = and(add(status, by * TOP_STEP), STATUS.top);
    return or(and(status, ~STATUS.top), top);
  }

  /** Empties ST(0) and moves TOP in a status word, which is returned. */
  popped(status: Value): Value {
    this.markEmpty(this.place(0));
    return this.moved(status, 1);
  }
}
