import {
  add,
  and,
  constant,
  convert,
  or,
  shl,
  shrU,
  sub,
  type Value,
  wrap,
  xor,
} from "@xenolith/wasm-emitter";
import { carryFlag } from "../machine/conditions.ts";
import type { Machine } from "../machine/machine.ts";
import { FLAGS_KIND, GIVEN_SHIFT } from "../state/flags.ts";
import { ALL_SIZES, type Definition, type Meaning } from "./definition.ts";

const TWO_OPERANDS = ["rr", "rm", "mr", "ri", "mi"];
const ONE_OPERAND = ["r", "m"];

const addMeaning: Meaning = (m) => {
  const target = m.modify(0);
  const b = m.pin(m.read(1));
  const a = m.pin(target.get());
  const result = m.pin(m.extend(add(a, b)));
  target.set(result);
  m.setFlags(FLAGS_KIND.add, a, b, result);
};

const subMeaning: Meaning = (m) => {
  const target = m.modify(0);
  const b = m.pin(m.read(1));
  const a = m.pin(target.get());
  const result = m.pin(m.extend(sub(a, b)));
  target.set(result);
  m.setFlags(FLAGS_KIND.subtract, a, b, result);
};

const cmpMeaning: Meaning = (m) => {
  const a = m.pin(m.read(0));
  const b = m.pin(m.read(1));
  m.setFlags(FLAGS_KIND.subtract, a, b, m.extend(sub(a, b)));
};

const adjustBit = (a: Value, b: Value, result: Value): Value =>
  and(shrU(wrap(xor(xor(a, b), result)), 4 - GIVEN_SHIFT.af), 1 << GIVEN_SHIFT.af);

const setCarriedFlags = (
  m: Machine,
  a: Value,
  b: Value,
  result: Value,
  carries: Value,
  overflow: Value,
): void => {
  const given = or(or(m.topBit(carries), shl(m.topBit(overflow), GIVEN_SHIFT.of)), adjustBit(a, b, result));
  m.setFlags(FLAGS_KIND.given, a, convert(given, m.type), result);
};

/** Carry out of each bit of a + b + c: where both are set, or one of them and the sum's bit is clear. */
const adcMeaning: Meaning = (m) => {
  const target = m.modify(0);
  const b = m.pin(m.read(1));
  const a = m.pin(target.get());
  const carry = convert(carryFlag(m.flags), m.type);
  const result = m.pin(m.extend(add(add(a, b), carry)));
  target.set(result);
  const carries = or(and(a, b), and(or(a, b), m.invert(result)));
  setCarriedFlags(m, a, b, result, carries, and(xor(a, result), xor(b, result)));
};

const sbbMeaning: Meaning = (m) => {
  const target = m.modify(0);
  const b = m.pin(m.read(1));
  const a = m.pin(target.get());
  const borrow = convert(carryFlag(m.flags), m.type);
  const result = m.pin(m.extend(sub(sub(a, b), borrow)));
  target.set(result);
  const borrows = or(and(m.invert(a), b), and(or(m.invert(a), b), result));
  setCarriedFlags(m, a, b, result, borrows, and(xor(a, b), xor(a, result)));
};

/** INC and DEC keep CF: it travels as operand b. */
const stepMeaning =
  (kind: typeof FLAGS_KIND.increment | typeof FLAGS_KIND.decrement): Meaning =>
  (m) => {
    const target = m.modify(0);
    const a = m.pin(target.get());
    const step = kind === FLAGS_KIND.increment ? 1 : -1;
    const result = m.pin(m.extend(add(a, step)));
    target.set(result);
    m.setFlags(kind, a, convert(carryFlag(m.flags), m.type), result);
  };

const negMeaning: Meaning = (m) => {
  const target = m.modify(0);
  const b = m.pin(target.get());
  const zero = constant(m.type, 0);
  const result = m.pin(m.extend(sub(zero, b)));
  target.set(result);
  m.setFlags(FLAGS_KIND.subtract, zero, b, result);
};

/** ADD SUB CMP ADC SBB INC DEC NEG. [SDM2A-3.2] [SDM2B-4.3] */
export const arithmetic: readonly Definition[] = [
  { mnemonic: "add", sizes: ALL_SIZES, forms: TWO_OPERANDS, meaning: addMeaning },
  { mnemonic: "sub", sizes: ALL_SIZES, forms: TWO_OPERANDS, meaning: subMeaning },
  { mnemonic: "cmp", sizes: ALL_SIZES, forms: TWO_OPERANDS, meaning: cmpMeaning },
  { mnemonic: "adc", sizes: ALL_SIZES, forms: TWO_OPERANDS, meaning: adcMeaning },
  { mnemonic: "sbb", sizes: ALL_SIZES, forms: TWO_OPERANDS, meaning: sbbMeaning },
  { mnemonic: "inc", sizes: ALL_SIZES, forms: ONE_OPERAND, meaning: stepMeaning(FLAGS_KIND.increment) },
  { mnemonic: "dec", sizes: ALL_SIZES, forms: ONE_OPERAND, meaning: stepMeaning(FLAGS_KIND.decrement) },
  { mnemonic: "neg", sizes: ALL_SIZES, forms: ONE_OPERAND, meaning: negMeaning },
];
