import {
  and,
  clz,
  constant,
  convert,
  ctz,
  i32,
  ltS,
  ltU,
  ne,
  or,
  replaceLane,
  select,
  splat,
  sub,
  type Value,
  v128,
  vector2,
  vectorTest,
  wrap,
} from "@xenolith/wasm-emitter";
import { REGISTER } from "@xenolith/x86-architecture";
import { setSixFlags } from "../../machine/flag-updates.ts";
import type { Machine } from "../../machine/machine.ts";
import { COMPARE_STRINGS } from "../../vector-support/string-comparison.ts";
import type { Definition, Meaning, Sizes } from "../definition.ts";
import { operandBytesWith } from "./forms.ts";

const zero = v128(0n);
const WORDS = 1;
/** The last element that was found instead of the first; a mask of elements instead of one of bits. */
const LAST_OR_WIDE = 0x40;

/** Elements before the first that is zero. */
const implicitLength = (vector: Value, control: Value): Value => {
  const bytes = or(vectorTest("i8x16.bitmask", vector2("i8x16.eq", vector, zero)), 0x1_0000);
  const words = or(vectorTest("i16x8.bitmask", vector2("i16x8.eq", vector, zero)), 0x100);
  return ctz(select(words, bytes, and(control, WORDS)));
};

/** Size of what a register holds, at most the elements of a vector. */
const explicitLength = (m: Machine, register: number, count: Value): Value => {
  const value = m.pin(m.register(register, m.sizeBytes, "signed"));
  const size = m.pin(select(sub(constant(m.type, 0), value), value, ltS(value, 0)));
  return select(wrap(size), count, ltU(size, convert(count, m.type)));
};

const BYTE_BITS = v128(0x8040_2010_0804_0201_8040_2010_0804_0201n);
const WORD_BITS = v128(0x0080_0040_0020_0010_0008_0004_0002_0001n);
/** Byte 0 of a vector for the lower eight bytes, byte 1 for the upper ones. */
const FIRST_TWO_BYTES = v128(0x0101_0101_0101_0101_0000_0000_0000_0000n);

/** Bits as a mask of bytes or words, or as they are. */
const maskOf = (m: Machine, found: Value, control: Value): Value => {
  const bits = m.pin(replaceLane("i32x4", zero, 0, found));
  const spread = vector2("i8x16.swizzle", bits, FIRST_TWO_BYTES);
  const bytes = vector2("i8x16.ne", vector2("v128.and", spread, BYTE_BITS), zero);
  const words = vector2("i16x8.ne", vector2("v128.and", splat("i16x8", found), WORD_BITS), zero);
  const wide = select(words, bytes, and(control, WORDS));
  return select(wide, bits, and(control, LAST_OR_WIDE));
};

const comparison =
  (isExplicit: boolean, givesIndex: boolean): Meaning =>
  (m) => {
    const b = m.pin(m.vector(1, false));
    const a = m.pin(m.vector(0));
    const control = m.pin(m.read(2, "zero"));
    const count = m.pin(select(i32(8), i32(16), and(control, WORDS)));
    const length = (vector: Value, register: number): Value =>
      m.pin(isExplicit ? explicitLength(m, register, count) : implicitLength(vector, control));
    const lengthA = length(a, REGISTER.rax);
    const lengthB = length(b, REGISTER.rdx);
    const [found = count] = m.call(COMPARE_STRINGS, a, b, lengthA, lengthB, control);
    if (givesIndex) {
      const index = select(sub(i32(31), clz(found)), ctz(found), and(control, LAST_OR_WIDE));
      m.setRegister(REGISTER.rcx, 4, select(index, count, found));
    } else m.setVectorRegister(0, maskOf(m, found, control));
    const none = i32(0);
    setSixFlags(m, {
      carry: m.pin(ne(found, 0)),
      zero: m.pin(ltU(lengthB, count)),
      sign: m.pin(ltU(lengthA, count)),
      overflow: m.pin(and(found, 1)),
      adjust: none,
      parity: none,
    });
  };

const strings = (mnemonic: string, isExplicit: boolean, givesIndex: boolean, sizes: Sizes): Definition => ({
  mnemonic,
  sizes,
  forms: ["xxi", "xmi"],
  operandBytes: operandBytesWith(16),
  meaning: comparison(isExplicit, givesIndex),
});

/** PCMPESTRI PCMPESTRM PCMPISTRI PCMPISTRM. Their memory operands need not be aligned. [SDM2B-4.1] */
export const stringComparisons: readonly Definition[] = [
  strings("pcmpestri", true, true, (wide) => (wide ? [4, 8] : [4])),
  strings("pcmpestrm", true, false, (wide) => (wide ? [4, 8] : [4])),
  strings("pcmpistri", false, true, () => [4]),
  strings("pcmpistrm", false, false, () => [4]),
];
