import {
  add,
  and,
  arithmetic,
  compare,
  constant,
  convert,
  eq,
  i64,
  isZero,
  mul,
  ne,
  or,
  shl,
  shrS,
  shrU,
  signExtend,
  sub,
  TYPE,
  type Value,
  zeroExtend,
} from "@xenolith/wasm-emitter";
import { REGISTER, VECTOR } from "@xenolith/x86-architecture";
import type { Machine } from "../machine/machine.ts";
import { FLAGS_KIND, GIVEN } from "../state/flags.ts";
import { ALL_SIZES, type Definition, type Meaning, WORD_SIZES } from "./definition.ts";

const { rax, rdx } = REGISTER;

/** CF and OF say whether the product needs its upper half; the others are undefined. */
const setProductFlags = (m: Machine, overflows: Value, low: Value): void => {
  const given = mul(overflows, GIVEN.cf | GIVEN.of);
  m.setFlags(FLAGS_KIND.given, constant(m.type, 0), convert(given, m.type), low);
};

const lowHalf = (value: Value): Value => and(value, 0xffff_ffff);
const highHalf = (value: Value): Value => shrU(value, 32);

/** Upper 64 bits of an unsigned 128-bit product, from four products of halves. */
const unsignedHigh = (m: Machine, a: Value, b: Value): Value => {
  const [aLow, aHigh, bLow, bHigh] = [lowHalf(a), highHalf(a), lowHalf(b), highHalf(b)].map((half) =>
    m.pin(half),
  );
  if (aLow === undefined || aHigh === undefined || bLow === undefined || bHigh === undefined) return a;
  const middle = m.pin(add(mul(aHigh, bLow), highHalf(mul(aLow, bLow))));
  const other = m.pin(add(mul(aLow, bHigh), lowHalf(middle)));
  return add(add(mul(aHigh, bHigh), highHalf(middle)), highHalf(other));
};

const signedHigh = (m: Machine, a: Value, b: Value): Value => {
  const unsigned = unsignedHigh(m, a, b);
  return sub(sub(unsigned, and(shrS(a, 63), b)), and(shrS(b, 63), a));
};

const wideProduct = (m: Machine, isSigned: boolean): void => {
  const b = m.pin(m.read(0));
  const a = m.pin(m.register(rax, 8));
  const low = m.pin(mul(a, b));
  const high = m.pin(isSigned ? signedHigh(m, a, b) : unsignedHigh(m, a, b));
  m.setRegister(rax, 8, low);
  m.setRegister(rdx, 8, high);
  setProductFlags(m, ne(high, isSigned ? shrS(low, 63) : i64(0)), low);
};

/** MUL and one-operand IMUL: the accumulator times the operand, twice as wide. */
const productMeaning =
  (isSigned: boolean): Meaning =>
  (m) => {
    if (m.sizeBytes === 8) {
      wideProduct(m, isSigned);
      return;
    }
    const extension = isSigned ? "signed" : "zero";
    const b = convert(m.read(0, extension), TYPE.i64, isSigned);
    const product = m.pin(mul(convert(m.register(rax, m.sizeBytes, extension), TYPE.i64, isSigned), b));
    const low = m.pin(m.extend(convert(product, TYPE.i32)));
    if (m.sizeBytes === 1) m.setRegister(rax, 2, convert(product, TYPE.i32));
    else {
      m.setRegister(rax, m.sizeBytes, low);
      m.setRegister(rdx, m.sizeBytes, convert(shrU(product, m.bits), TYPE.i32));
    }
    const fitting = isSigned ? convert(low, TYPE.i64, true) : convert(zeroExtend(m.sizeBytes, low), TYPE.i64);
    setProductFlags(m, ne(product, fitting), low);
  };

/** IMUL with two or three operands: the product, truncated. */
const truncatedProduct: Meaning = (m) => {
  const b = m.pin(m.read(1));
  const a = m.pin(m.operands.length === 3 ? m.read(2) : m.read(0));
  if (m.sizeBytes === 8) {
    const result = m.pin(mul(a, b));
    m.write(0, result);
    setProductFlags(m, ne(signedHigh(m, a, b), shrS(result, 63)), result);
    return;
  }
  const product = m.pin(mul(convert(a, TYPE.i64, true), convert(b, TYPE.i64, true)));
  const result = m.pin(m.extend(convert(product, TYPE.i32)));
  m.write(0, result);
  setProductFlags(m, ne(product, convert(result, TYPE.i64, true)), result);
};

interface Division {
  readonly isSigned: boolean;
  readonly quotient: "divS" | "divU";
  readonly remainder: "remS" | "remU";
}

const SIGNED: Division = { isSigned: true, quotient: "divS", remainder: "remS" };
const UNSIGNED: Division = { isSigned: false, quotient: "divU", remainder: "remU" };
const MOST_NEGATIVE_64 = -(2n ** 63n);

const divideError = (m: Machine, condition: Value): void => m.faultIf(condition, VECTOR.divideError);

/** 16 by 8 and 32 by 16 bits. The dividend fits 32 bits. */
const divideShort = (m: Machine, kind: Division, divisor: Value): void => {
  const { isSigned } = kind;
  const size = m.sizeBytes;
  const dividend = m.pin(
    size === 1
      ? m.register(rax, 2, isSigned ? "signed" : "zero")
      : or(m.register(rax, 2, "zero"), shl(m.register(rdx, 2, "any"), 16)),
  );
  if (isSigned) divideError(m, and(eq(divisor, -1), eq(dividend, -0x8000_0000)));
  const quotient = m.pin(arithmetic(kind.quotient, dividend, divisor));
  divideError(m, ne(quotient, isSigned ? signExtend(size, quotient) : zeroExtend(size, quotient)));
  const remainder = m.pin(arithmetic(kind.remainder, dividend, divisor));
  m.setRegister(rax, size, quotient);
  if (size === 1) m.setHighByte(remainder);
  else m.setRegister(rdx, size, remainder);
};

/** 64 by 32 bits; a 32-bit division where the dividend's upper half says nothing, which is the usual case. */
const divideDouble = (m: Machine, kind: Division, divisor: Value): void => {
  const { isSigned } = kind;
  const { body } = m;
  const low = m.pin(m.register(rax, 4));
  const high = m.pin(m.register(rdx, 4));
  const quotient = m.temporary(TYPE.i32);
  const remainder = m.temporary(TYPE.i32);
  const isShort = isSigned
    ? and(eq(high, shrS(low, 31)), or(ne(divisor, -1), ne(low, -0x8000_0000)))
    : isZero(high);
  body.if(isShort);
  body.set(quotient, arithmetic(kind.quotient, low, divisor));
  body.set(remainder, arithmetic(kind.remainder, low, divisor));
  body.else();
  const dividend = m.pin(or(shl(convert(high, TYPE.i64), 32), convert(low, TYPE.i64)));
  const wideDivisor = m.pin(convert(divisor, TYPE.i64, isSigned));
  if (isSigned) divideError(m, and(eq(wideDivisor, -1), eq(dividend, i64(MOST_NEGATIVE_64))));
  const wideQuotient = m.pin(arithmetic(kind.quotient, dividend, wideDivisor));
  divideError(
    m,
    isSigned ? ne(wideQuotient, signExtend(4, wideQuotient)) : compare("gtU", wideQuotient, 0xffff_ffff),
  );
  body.set(quotient, convert(wideQuotient, TYPE.i32));
  body.set(remainder, convert(arithmetic(kind.remainder, dividend, wideDivisor), TYPE.i32));
  body.end();
  m.setRegister(rax, 4, quotient);
  m.setRegister(rdx, 4, remainder);
};

/** 128 by 64 bits only where the upper half says nothing; else TypeScript does it. */
const divideQuad = (m: Machine, kind: Division, divisor: Value): void => {
  const low = m.pin(m.register(rax, 8));
  const high = m.pin(m.register(rdx, 8));
  m.rareIf(ne(high, kind.isSigned ? shrS(low, 63) : i64(0)));
  if (kind.isSigned) divideError(m, and(eq(divisor, -1), eq(low, i64(MOST_NEGATIVE_64))));
  const quotient = m.pin(arithmetic(kind.quotient, low, divisor));
  const remainder = m.pin(arithmetic(kind.remainder, low, divisor));
  m.setRegister(rax, 8, quotient);
  m.setRegister(rdx, 8, remainder);
};

const divisionMeaning =
  (kind: Division): Meaning =>
  (m) => {
    const divisor = m.pin(m.read(0, kind.isSigned ? "signed" : "zero"));
    divideError(m, isZero(divisor));
    if (m.sizeBytes === 8) divideQuad(m, kind, divisor);
    else if (m.sizeBytes === 4) divideDouble(m, kind, divisor);
    else divideShort(m, kind, divisor);
  };

const ONE = ["r", "m"];

/** MUL IMUL DIV IDIV. [SDM2A-3.2] [SDM2B-4.3] */
export const multiplyDivide: readonly Definition[] = [
  { mnemonic: "mul", sizes: ALL_SIZES, forms: ONE, meaning: productMeaning(false) },
  { mnemonic: "imul", sizes: ALL_SIZES, forms: ONE, meaning: productMeaning(true) },
  { mnemonic: "imul", sizes: WORD_SIZES, forms: ["rr", "rm", "rri", "rmi"], meaning: truncatedProduct },
  { mnemonic: "div", sizes: ALL_SIZES, forms: ONE, meaning: divisionMeaning(UNSIGNED) },
  { mnemonic: "idiv", sizes: ALL_SIZES, forms: ONE, meaning: divisionMeaning(SIGNED) },
];
