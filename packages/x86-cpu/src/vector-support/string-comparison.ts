import {
  add,
  and,
  compare,
  eq,
  type FunctionBody,
  i32,
  load,
  or,
  select,
  shl,
  shrU,
  splat,
  sub,
  TYPE,
  type Value,
  v128,
  vector2,
  vectorTest,
  xor,
} from "@xenolith/wasm-emitter";
import { STATE } from "../state/layout.ts";
import type { SupportContext, SupportFunction } from "../support/support-function.ts";

/** Bits of the control byte. [SDM2B-4.1] */
const CONTROL = { words: 1, signed: 2 } as const;
const MODE = { any: 0, ranges: 1, each: 2, ordered: 3 } as const;

const BYTE_SIGNS = v128(0x8080_8080_8080_8080_8080_8080_8080_8080n);
const WORD_SIGNS = v128(0x8000_8000_8000_8000_8000_8000_8000_8000n);

/** Two strings, and what compares elements of the first, one by one, with all of the second. */
class Strings {
  readonly body: FunctionBody;
  readonly isWords: Value;
  /** A bit for each element that a vector has. */
  readonly all: Value;
  readonly #a: Value;
  readonly #b: Value;
  readonly #base: number;

  constructor(body: FunctionBody, { state }: SupportContext, a: Value, b: Value, control: Value) {
    this.body = body;
    this.isWords = this.name(and(control, CONTROL.words));
    this.all = this.name(select(i32(0xff), i32(0xffff), this.isWords));
    // Numbers without a sign are in order as signed ones when their upper bit is turned over.
    const signs = select(WORD_SIGNS, BYTE_SIGNS, this.isWords);
    const bias = this.name(select(v128(0n), signs, and(control, CONTROL.signed)));
    this.#a = this.name(vector2("v128.xor", a, bias));
    this.#b = this.name(vector2("v128.xor", b, bias));
    this.#base = state + STATE.bounce;
    body.store(16, i32(this.#base), this.#a);
  }

  name(value: Value): Value {
    const target = this.body.local(value.type);
    this.body.set(target, value);
    return target;
  }

  /** A bit for each element of the second string that compares so with the first string's element of an index. */
  matches(comparison: "eq" | "geS" | "leS", index: Value): Value {
    const place = this.name(shl(index, this.isWords));
    const element = (bytes: number): Value => load(TYPE.i32, bytes, false, place, this.#base);
    return this.#bits(comparison, splat("i16x8", element(2)), splat("i8x16", element(1)));
  }

  /** A bit for each element that both strings have at the same place. */
  same(): Value {
    return this.#bits("eq", this.#a, this.#a);
  }

  #bits(comparison: "eq" | "geS" | "leS", words: Value, bytes: Value): Value {
    const found = select(
      vectorTest("i16x8.bitmask", vector2(`i16x8.${comparison}`, this.#b, words)),
      vectorTest("i8x16.bitmask", vector2(`i8x16.${comparison}`, this.#b, bytes)),
      this.isWords,
    );
    return this.name(found);
  }

  /** Does something for each index from 0 to below a count. */
  each(count: Value, step: number, action: (index: Value) => void): void {
    const { body } = this;
    const index = this.name(i32(0));
    const done = body.block();
    const again = body.loop();
    body.branchIf(done, compare("geS", index, count));
    action(index);
    body.set(index, add(index, step));
    body.branch(again);
    body.end();
    body.end();
  }
}

/** As many low bits. */
const lowBits = (count: Value): Value => sub(shl(i32(1), count), 1);

/** (a, b, length of a, length of b, control) -> one bit for each element of b: what PCMPESTRI and its relatives find. */
export const COMPARE_STRINGS: SupportFunction = {
  name: "compareStrings",
  parameters: [TYPE.v128, TYPE.v128, TYPE.i32, TYPE.i32, TYPE.i32],
  results: [TYPE.i32],
  emit: (body, context) => {
    const lengthA = body.parameter(2);
    const lengthB = body.parameter(3);
    const control = body.parameter(4);
    const strings = new Strings(body, context, body.parameter(0), body.parameter(1), control);
    const { all } = strings;
    const mode = strings.name(and(shrU(control, 2), 3));
    const inA = strings.name(lowBits(lengthA));
    const inB = strings.name(lowBits(lengthB));
    const result = strings.name(i32(0));
    const when = (one: number, then: () => void): void => {
      body.if(eq(mode, one));
      then();
      body.end();
    };
    when(MODE.any, () => {
      strings.each(lengthA, 1, (index) => body.set(result, or(result, strings.matches("eq", index))));
      body.set(result, and(result, inB));
    });
    when(MODE.ranges, () => {
      strings.each(sub(lengthA, 1), 2, (index) => {
        const isAbove = strings.matches("geS", index);
        const isBelow = strings.matches("leS", add(index, 1));
        body.set(result, or(result, and(isAbove, isBelow)));
      });
      body.set(result, and(result, inB));
    });
    when(MODE.each, () => {
      const inBoth = and(and(strings.same(), inA), inB);
      const inNone = xor(or(inA, inB), -1);
      body.set(result, or(inBoth, inNone));
    });
    when(MODE.ordered, () => {
      body.set(result, i32(-1));
      strings.each(lengthA, 1, (index) => {
        const found = shrU(and(strings.matches("eq", index), inB), index);
        // What would lie behind the second string's last element is not asked for.
        const beyond = xor(shrU(all, index), -1);
        body.set(result, and(result, or(found, beyond)));
      });
    });
    body.set(result, and(result, all));
    const isInverted = and(shrU(control, 4), 1);
    const inverted = select(inB, all, and(shrU(control, 5), 1));
    body.push(xor(result, select(inverted, i32(0), isInverted)));
  },
};
