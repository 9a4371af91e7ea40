import { i32, shuffle, splat, type Value, v128, vector1, vector2, vectorShift } from "@xenolith/wasm-emitter";
import type { Machine } from "../../machine/machine.ts";
import type { Definition } from "../definition.ts";
import { binaryBoth, type Combine, unary, vectorForms, withMmx } from "./forms.ts";
import { joinLow } from "./integer.ts";
import { alignRight, ternary } from "./shuffles.ts";

const zero = v128(0n);
const bytes = (value: number): Value => splat("i8x16", i32(value));
const words = (value: number): Value => splat("i16x8", i32(value));

/** PSHUFB takes the low bits of an index, or clears the byte where its top bit is set. */
const shuffleBytes =
  (mask: number): Combine =>
  (_m, a, b) =>
    vector2("i8x16.swizzle", a, vector2("v128.and", b, bytes(mask)));

/** Lanes of `width` bytes with even (0) or odd (1) numbers. */
const everySecond = (a: Value, b: Value, width: 2 | 4, first: 0 | 1): Value =>
  shuffle(
    a,
    b,
    Array.from(
      { length: 16 },
      (_, index) => (2 * Math.floor(index / width) + first) * width + (index % width),
    ),
  );

type PairName = "i16x8.add" | "i16x8.addSatS" | "i16x8.sub" | "i16x8.subSatS" | "i32x4.add" | "i32x4.sub";

const horizontal = (mnemonic: string, name: PairName, width: 2 | 4): readonly Definition[] => {
  const ofPairs = (a: Value, b: Value): Value =>
    vector2(name, everySecond(a, b, width, 0), everySecond(a, b, width, 1));
  return binaryBoth(
    mnemonic,
    (_m, a, b) => ofPairs(a, b),
    (m, a, b) => {
      const both = m.pin(joinLow(a, b));
      return ofPairs(both, both);
    },
  );
};

/** Unsigned bytes times signed bytes, sums of pairs saturated. */
const multiplyBytes: Combine = (_m, a, b) => {
  const even = vector2(
    "i16x8.mul",
    vector2("v128.and", a, words(0xff)),
    vectorShift("i16x8.shrS", vectorShift("i16x8.shl", b, i32(8)), i32(8)),
  );
  const odd = vector2(
    "i16x8.mul",
    vectorShift("i16x8.shrU", a, i32(8)),
    vectorShift("i16x8.shrS", b, i32(8)),
  );
  return vector2("i16x8.addSatS", even, odd);
};

/** Rounded high product; -1 times -1 is -1 here. */
const multiplyRounded: Combine = (_m, a, b) => {
  const lowest = words(0x8000);
  const both = vector2("v128.and", vector2("i16x8.eq", a, lowest), vector2("i16x8.eq", b, lowest));
  return vector2("v128.xor", vector2("i16x8.q15mulrSatS", a, b), both);
};

/** The first operand negated, kept or cleared by the sign of the second. */
const sign =
  (shape: "i8x16" | "i16x8" | "i32x4"): Combine =>
  (m, a, b) => {
    const isNegative = m.pin(vector2(`${shape}.ltS`, b, zero));
    const signed = vector2(`${shape}.sub`, vector2("v128.xor", a, isNegative), isNegative);
    return vector2("v128.andnot", signed, vector2(`${shape}.eq`, b, zero));
  };

const absolute = (mnemonic: string, shape: "i8x16" | "i16x8" | "i32x4"): readonly Definition[] => {
  const compute = (_m: Machine, a: Value): Value => vector1(`${shape}.abs`, a);
  return [
    unary(mnemonic, compute),
    vectorForms(mnemonic, ["nn", "nm"], 8, (m) => withMmx(m, () => compute(m, m.pin(m.vector(1))))),
  ];
};

/** SSSE3. [SDM1-12.6] */
export const ssse3: readonly Definition[] = [
  ...binaryBoth("pshufb", shuffleBytes(0x8f), shuffleBytes(0x87)),
  ...horizontal("phaddw", "i16x8.add", 2),
  ...horizontal("phaddd", "i32x4.add", 4),
  ...horizontal("phaddsw", "i16x8.addSatS", 2),
  ...horizontal("phsubw", "i16x8.sub", 2),
  ...horizontal("phsubd", "i32x4.sub", 4),
  ...horizontal("phsubsw", "i16x8.subSatS", 2),
  ...binaryBoth("pmaddubsw", multiplyBytes),
  ...binaryBoth("pmulhrsw", multiplyRounded),
  ...binaryBoth("psignb", sign("i8x16")),
  ...binaryBoth("psignw", sign("i16x8")),
  ...binaryBoth("psignd", sign("i32x4")),
  ...absolute("pabsb", "i8x16"),
  ...absolute("pabsw", "i16x8"),
  ...absolute("pabsd", "i32x4"),
  ternary("palignr", (m, a, b, immediate) => alignRight(m, a, b, immediate, 16)),
  vectorForms("palignr", ["nni", "nmi"], 8, (m) =>
    withMmx(m, () => {
      const b = m.pin(m.vector(1));
      return alignRight(m, m.pin(m.vector(0)), b, m.pin(m.read(2, "zero")), 8);
    }),
  ),
];
