import {
  add,
  and,
  compare,
  eq,
  type FunctionBody,
  i32,
  load,
  ltS,
  or,
  select,
  shl,
  shrU,
  sub,
  TYPE,
  type Value,
  xor,
} from "@xenolith/wasm-emitter";
import { STATE } from "../state/layout.ts";
import type { SupportContext, SupportFunction } from "../support/support-function.ts";

/** Bits of the control byte. [SDM2B-4.1] */
const CONTROL = { words: 1, signed: 2 } as const;
const MODE = { any: 0, ranges: 1, each: 2, ordered: 3 } as const;

/** Two strings in the bounce buffer, and what compares them. */
class Strings {
  readonly body: FunctionBody;
  readonly isWords: Value;
  readonly isSigned: Value;
  readonly #base: number;

  constructor(body: FunctionBody, { state }: SupportContext, control: Value) {
    this.body = body;
    this.isWords = this.name(and(control, CONTROL.words));
    this.isSigned = this.name(and(control, CONTROL.signed));
    this.#base = state + STATE.bounce;
  }

  name(value: Value): Value {
    const target = this.body.local(value.type);
    this.body.set(target, value);
    return target;
  }

  put(a: Value, b: Value): void {
    this.body.store(16, i32(this.#base), a);
    this.body.store(16, i32(this.#base), b, 16);
  }

  /** An element of the first (0) or second (1) string. */
  element(which: 0 | 1, index: Value): Value {
    const place = this.name(shl(index, this.isWords));
    const at = this.#base + 16 * which;
    const read = (bytes: number): Value =>
      select(load(TYPE.i32, bytes, true, place, at), load(TYPE.i32, bytes, false, place, at), this.isSigned);
    return this.name(select(read(2), read(1), this.isWords));
  }

  /** Does something for each index from 0 to below a count; `leave` ends it. */
  each(count: Value, step: number, action: (index: Value, leave: (condition: Value) => void) => void): void {
    const { body } = this;
    const index = this.name(i32(0));
    const done = body.block();
    const again = body.loop();
    body.branchIf(done, compare("geS", index, count));
    action(index, (condition) => body.branchIf(done, condition));
    body.set(index, add(index, step));
    body.branch(again);
    body.end();
    body.end();
  }
}

/** (a, b, length of a, length of b, control) -> one bit for each element of b: what PCMPESTRI and its relatives find. */
export const COMPARE_STRINGS: SupportFunction = {
  name: "compareStrings",
  parameters: [TYPE.v128, TYPE.v128, TYPE.i32, TYPE.i32, TYPE.i32],
  results: [TYPE.i32],
  emit: (body, context) => {
    const lengthA = body.parameter(2);
    const lengthB = body.parameter(3);
    const control = body.parameter(4);
    const strings = new Strings(body, context, control);
    strings.put(body.parameter(0), body.parameter(1));
    const count = strings.name(select(i32(8), i32(16), strings.isWords));
    const mode = strings.name(and(shrU(control, 2), 3));
    const result = strings.name(i32(0));
    const bit = strings.name(i32(0));
    const when = (condition: Value, then: () => void): void => {
      body.if(condition);
      then();
      body.end();
    };
    strings.each(count, 1, (at) => {
      const isInB = strings.name(ltS(at, lengthB));
      body.set(bit, i32(0));
      when(and(isInB, eq(mode, MODE.any)), () => {
        const b = strings.element(1, at);
        strings.each(lengthA, 1, (index) => body.set(bit, or(bit, eq(strings.element(0, index), b))));
      });
      when(and(isInB, eq(mode, MODE.ranges)), () => {
        const b = strings.element(1, at);
        strings.each(sub(lengthA, 1), 2, (index) => {
          const isAbove = compare("geS", b, strings.element(0, index));
          const isBelow = compare("leS", b, strings.element(0, strings.name(add(index, 1))));
          body.set(bit, or(bit, and(isAbove, isBelow)));
        });
      });
      when(eq(mode, MODE.each), () => {
        const isInA = strings.name(ltS(at, lengthA));
        const isSame = eq(strings.element(0, at), strings.element(1, at));
        body.set(bit, select(select(isSame, i32(0), isInB), eq(isInB, 0), isInA));
      });
      when(eq(mode, MODE.ordered), () => {
        body.set(bit, i32(1));
        strings.each(strings.name(sub(count, at)), 1, (index, leave) => {
          leave(compare("geS", index, lengthA));
          const place = strings.name(add(at, index));
          const isSame = eq(strings.element(0, index), strings.element(1, place));
          body.set(bit, and(ltS(place, lengthB), isSame));
          leave(eq(bit, 0));
        });
      });
      body.set(result, or(result, shl(bit, at)));
    });
    const isInverted = and(shrU(control, 4), 1);
    const inverted = select(lengthB, count, and(shrU(control, 5), 1));
    body.push(xor(result, select(sub(shl(i32(1), inverted), 1), i32(0), isInverted)));
  },
};
