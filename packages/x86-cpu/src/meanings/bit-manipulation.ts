import {
  and,
  arithmetic,
  clz,
  constant,
  convert,
  ctz,
  gtU,
  i32,
  isZero,
  ltU,
  ne,
  or,
  popcnt,
  rotr,
  select,
  shl,
  shrU,
  sub,
  TYPE,
  type Value,
  wrap,
  xor,
} from "@xenolith/wasm-emitter";
import { REGISTER } from "@xenolith/x86-architecture";
import { setSixFlags } from "../machine/flag-updates.ts";
import type { Machine } from "../machine/machine.ts";
import { FLAGS_KIND } from "../state/flags.ts";
import { CRC32C, DEPOSIT_BITS, EXTRACT_BITS, HIGH_PRODUCT } from "../vector-support/integer-functions.ts";
import { reversed } from "./data-movement.ts";
import { type Definition, DOUBLE_SIZES, type Meaning, WORD_SIZES } from "./definition.ts";

/** CF as given, OF clear, ZF and SF from the result. */
const setCarryFlags = (m: Machine, carry: Value, result: Value): void =>
  m.setFlags(
    FLAGS_KIND.given,
    constant(m.addressType, 0),
    convert(carry, m.addressType),
    m.pin(m.extend(result)),
  );

/** Only ZF tells something. */
const populationCount: Meaning = (m) => {
  const value = m.pin(m.read(1, "zero"));
  const none = i32(0);
  m.write(0, popcnt(value));
  setSixFlags(m, {
    zero: m.pin(isZero(value)),
    carry: none,
    parity: none,
    adjust: none,
    sign: none,
    overflow: none,
  });
};

/** LZCNT and TZCNT of zero are the operand's bits, and say so in CF. */
const zeroCount =
  (count: (m: Machine, value: Value) => Value): Meaning =>
  (m) => {
    const value = m.pin(m.read(1, "zero"));
    const result = m.pin(count(m, value));
    const carry = m.pin(isZero(value));
    m.write(0, result);
    setCarryFlags(m, carry, result);
  };

const leadingZeros = (m: Machine, value: Value): Value =>
  m.sizeBytes === 2 ? sub(clz(value), 16) : clz(value);

const trailingZeros = (m: Machine, value: Value): Value =>
  m.sizeBytes === 2 ? ctz(or(value, 0x1_0000)) : ctz(value);

const andNot: Meaning = (m) => {
  const c = m.pin(m.read(2));
  const result = m.pin(and(m.invert(m.read(1)), c));
  m.write(0, result);
  m.setLogicFlags(result);
};

/** BLSR, BLSMSK and BLSI: from a number and the one below it. */
const lowestBit =
  (combine: (value: Value, below: Value) => Value, carriesZero: boolean): Meaning =>
  (m) => {
    const value = m.pin(m.read(1));
    const result = m.pin(combine(value, sub(value, 1)));
    const carry = m.pin(carriesZero ? isZero(value) : ne(value, 0));
    m.write(0, result);
    setCarryFlags(m, carry, result);
  };

/** The low `count` bits (i32, any number) of a value. */
const lowBits = (m: Machine, value: Value, count: Value): Value => {
  const mask = sub(shl(constant(m.type, 1), convert(count, m.type)), 1);
  return select(and(value, mask), value, ltU(count, m.bits));
};

const zeroHighBits: Meaning = (m) => {
  const value = m.pin(m.read(1));
  const index = m.pin(and(wrap(m.read(2)), 0xff));
  const result = m.pin(lowBits(m, value, index));
  m.write(0, result);
  setCarryFlags(m, m.pin(gtU(index, m.bits - 1)), result);
};

const extractField: Meaning = (m) => {
  const value = m.pin(m.read(1, "zero"));
  const control = m.pin(wrap(m.read(2)));
  const start = m.pin(and(control, 0xff));
  const moved = select(shrU(value, convert(start, m.type)), constant(m.type, 0), ltU(start, m.bits));
  const result = m.pin(lowBits(m, m.pin(moved), m.pin(and(shrU(control, 8), 0xff))));
  m.write(0, result);
  m.setLogicFlags(m.pin(m.extend(result)));
};

const withMask =
  (support: typeof DEPOSIT_BITS): Meaning =>
  (m) => {
    const mask = m.pin(convert(m.read(2, "zero"), TYPE.i64));
    const [result = mask] = m.call(support, convert(m.read(1, "zero"), TYPE.i64), mask);
    m.write(0, convert(result, m.type));
  };

/** Where both results go to one register, it gets the high half. */
const multiply: Meaning = (m) => {
  const a = m.pin(m.read(2, "zero"));
  const b = m.pin(m.register(REGISTER.rdx, m.sizeBytes, "zero"));
  if (m.type === TYPE.i32) {
    const product = m.pin(arithmetic("mul", convert(a, TYPE.i64), convert(b, TYPE.i64)));
    m.write(1, wrap(product));
    m.write(0, wrap(shrU(product, 32)));
    return;
  }
  const [high = a] = m.call(HIGH_PRODUCT, a, b);
  m.write(1, arithmetic("mul", a, b));
  m.write(0, high);
};

const shift =
  (name: "shl" | "shrS" | "shrU"): Meaning =>
  (m) => {
    const value = m.pin(m.read(1, name === "shrS" ? "signed" : "zero"));
    m.write(0, arithmetic(name, value, m.read(2)));
  };

const swappedMove: Meaning = (m) => {
  const value = m.pin(m.read(1, "zero"));
  if (m.sizeBytes === 2) m.write(0, or(shl(and(value, 0xff), 8), shrU(value, 8)));
  else m.write(0, reversed(m, value));
};

const checksum: Meaning = (m) => {
  const value = m.pin(convert(m.read(1, "zero"), TYPE.i64));
  const before = wrap(m.read(0, "any"));
  const [after = before] = m.call(CRC32C, before, value, i32(m.sizeBytes));
  m.write(0, m.operandBytes(0) === 8 ? convert(after, TYPE.i64) : after);
};

const THREE = ["rrr", "rrm"];

const threeOperands = (mnemonic: string, forms: readonly string[], meaning: Meaning): Definition => ({
  mnemonic,
  sizes: DOUBLE_SIZES,
  forms,
  meaning,
});

/** CRC32: the destination has 4 or 8 bytes, the source the size of the operation. */
const checksums: readonly Definition[] = [4, 8].map((destination) => ({
  mnemonic: "crc32",
  sizes: (wide) => (destination === 4 ? [1, 2, 4] : wide ? [1, 8] : []),
  forms: ["rr", "rm"],
  operandBytes: (sizeBytes, position) => (position === 0 ? destination : sizeBytes),
  meaning: checksum,
}));

/** Touches memory as a read would. */
const flush: Meaning = (m) => {
  m.load(1, m.address());
};

/** POPCNT LZCNT TZCNT, BMI1, BMI2, MOVBE, CRC32, CLFLUSH and its relatives. [SDM2A-3.2] [SDM2B-4.3] */
export const bitManipulation: readonly Definition[] = [
  { mnemonic: "popcnt", sizes: WORD_SIZES, forms: ["rr", "rm"], meaning: populationCount },
  { mnemonic: "lzcnt", sizes: WORD_SIZES, forms: ["rr", "rm"], meaning: zeroCount(leadingZeros) },
  { mnemonic: "tzcnt", sizes: WORD_SIZES, forms: ["rr", "rm"], meaning: zeroCount(trailingZeros) },
  { mnemonic: "movbe", sizes: WORD_SIZES, forms: ["rm", "mr"], meaning: swappedMove },
  threeOperands("andn", THREE, andNot),
  threeOperands("blsr", ["rr", "rm"], lowestBit(and, true)),
  threeOperands("blsmsk", ["rr", "rm"], lowestBit(xor, true)),
  threeOperands(
    "blsi",
    ["rr", "rm"],
    lowestBit((value) => and(value, sub(constant(value.type, 0), value)), false),
  ),
  threeOperands("bzhi", ["rrr", "rmr"], zeroHighBits),
  threeOperands("bextr", ["rrr", "rmr"], extractField),
  threeOperands("pdep", THREE, withMask(DEPOSIT_BITS)),
  threeOperands("pext", THREE, withMask(EXTRACT_BITS)),
  threeOperands("mulx", THREE, multiply),
  threeOperands("shlx", ["rrr", "rmr"], shift("shl")),
  threeOperands("shrx", ["rrr", "rmr"], shift("shrU")),
  threeOperands("sarx", ["rrr", "rmr"], shift("shrS")),
  {
    mnemonic: "rorx",
    sizes: DOUBLE_SIZES,
    forms: ["rri", "rmi"],
    operandBytes: (sizeBytes, position) => (position === 2 ? 1 : sizeBytes),
    meaning: (m) => m.write(0, rotr(m.read(1, "zero"), convert(m.read(2, "zero"), m.type))),
  },
  ...checksums,
  ...["clflush", "clflushopt", "clwb"].map(
    (mnemonic): Definition => ({
      mnemonic,
      sizes: () => [4],
      forms: ["m"],
      operandBytes: () => 1,
      meaning: flush,
    }),
  ),
];
