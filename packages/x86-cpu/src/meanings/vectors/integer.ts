import {
  extractLane,
  gtU,
  i32,
  select,
  shuffle,
  type Value,
  type VectorBinaryName,
  type VectorShiftName,
  v128,
  v128Pair,
  vector1,
  vector2,
  vectorShift,
  wrap,
} from "@xenolith/wasm-emitter";
import type { Machine } from "../../machine/machine.ts";
import type { Definition } from "../definition.ts";
import { binary, binaryBoth, binaryMmx, type Combine, vectorForms, withMmx } from "./forms.ts";

/** Combines two vectors by an instruction of WebAssembly. */
export const lanes =
  (name: VectorBinaryName): Combine =>
  (_m, a, b) =>
    vector2(name, a, b);

/** Instructions that are one of WebAssembly's, on whole registers. */
const DIRECT: Readonly<Record<string, VectorBinaryName>> = {
  paddb: "i8x16.add",
  paddw: "i16x8.add",
  paddd: "i32x4.add",
  paddq: "i64x2.add",
  psubb: "i8x16.sub",
  psubw: "i16x8.sub",
  psubd: "i32x4.sub",
  psubq: "i64x2.sub",
  paddsb: "i8x16.addSatS",
  paddsw: "i16x8.addSatS",
  paddusb: "i8x16.addSatU",
  paddusw: "i16x8.addSatU",
  psubsb: "i8x16.subSatS",
  psubsw: "i16x8.subSatS",
  psubusb: "i8x16.subSatU",
  psubusw: "i16x8.subSatU",
  pminub: "i8x16.minU",
  pmaxub: "i8x16.maxU",
  pminsw: "i16x8.minS",
  pmaxsw: "i16x8.maxS",
  pavgb: "i8x16.avgrU",
  pavgw: "i16x8.avgrU",
  pcmpeqb: "i8x16.eq",
  pcmpeqw: "i16x8.eq",
  pcmpeqd: "i32x4.eq",
  pcmpgtb: "i8x16.gtS",
  pcmpgtw: "i16x8.gtS",
  pcmpgtd: "i32x4.gtS",
  pmullw: "i16x8.mul",
  pmaddwd: "i32x4.dotS",
  pand: "v128.and",
  por: "v128.or",
  pxor: "v128.xor",
};

const NARROWING: Readonly<Record<string, VectorBinaryName>> = {
  packsswb: "i8x16.narrowS",
  packuswb: "i8x16.narrowU",
  packssdw: "i16x8.narrowS",
};

/** The low halves of two vectors as one. */
export const joinLow = (a: Value, b: Value): Value =>
  shuffle(a, b, [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23]);

const zero = v128(0n);

/** Both vectors' lanes of `bytes`, in turn, beginning at byte `from`. */
export const interleave =
  (bytes: number, from: number): Combine =>
  (_m, a, b) =>
    shuffle(
      a,
      b,
      Array.from({ length: 16 }, (_, index) => {
        const pair = Math.floor(index / (2 * bytes));
        const second = Math.floor(index / bytes) % 2;
        return from + pair * bytes + (index % bytes) + 16 * second;
      }),
    );

const INTERLEAVED = [
  ["bw", 1],
  ["wd", 2],
  ["dq", 4],
] as const;

/** An MMX register has four bytes from which to take the high lanes; what lies beyond does not count. */
const interleaveHighMmx = (bytes: number): Combine => {
  const low = interleave(bytes, 0);
  return (m, a, b) => low(m, vectorShift("i64x2.shrU", a, i32(32)), vectorShift("i64x2.shrU", b, i32(32)));
};

/** Upper halves of the products of 16-bit lanes. */
const highProducts =
  (sign: "S" | "U"): Combine =>
  (_m, a, b) =>
    shuffle(
      vector2(`i32x4.extmulLow${sign}`, a, b),
      vector2(`i32x4.extmulHigh${sign}`, a, b),
      [2, 3, 6, 7, 10, 11, 14, 15, 18, 19, 22, 23, 26, 27, 30, 31],
    );

const evenWords = (a: Value): Value => shuffle(a, a, [0, 1, 2, 3, 8, 9, 10, 11, 0, 1, 2, 3, 8, 9, 10, 11]);

/** Products of 64 bits of the even doublewords. */
export const evenProducts =
  (sign: "S" | "U"): Combine =>
  (_m, a, b) =>
    vector2(`i64x2.extmulLow${sign}`, evenWords(a), evenWords(b));

const sumOfDifferences: Combine = (m, a, b) => {
  const differences = vector2("v128.or", vector2("i8x16.subSatU", a, b), vector2("i8x16.subSatU", b, a));
  const words = vector1("i32x4.extaddPairwiseU", vector1("i16x8.extaddPairwiseU", differences));
  const pinned = m.pin(words);
  const sums = vector2("i64x2.add", pinned, vectorShift("i64x2.shrU", pinned, i32(32)));
  return vector2("v128.and", sums, v128Pair(0xffff_ffffn));
};

// Shifts

const SHIFTS: readonly (readonly [string, VectorShiftName, number])[] = [
  ["psllw", "i16x8.shl", 16],
  ["pslld", "i32x4.shl", 32],
  ["psllq", "i64x2.shl", 64],
  ["psrlw", "i16x8.shrU", 16],
  ["psrld", "i32x4.shrU", 32],
  ["psrlq", "i64x2.shrU", 64],
  ["psraw", "i16x8.shrS", 16],
  ["psrad", "i32x4.shrS", 32],
];

/** A count beyond the lane shifts everything out, or spreads the sign. */
const shifted = (name: VectorShiftName, width: number, a: Value, count: Value): Value => {
  const isBeyond = gtU(count, width - 1);
  const low = wrap(count);
  if (name.endsWith("shrS")) return vectorShift(name, a, select(i32(width - 1), low, isBeyond));
  return select(zero, vectorShift(name, a, low), isBeyond);
};

const shiftDefinitions = SHIFTS.flatMap(([mnemonic, name, width]): readonly Definition[] => {
  const byVector: Combine = (m, a, b) => shifted(name, width, a, m.pin(extractLane("i64x2", b, 0)));
  const byImmediate = (m: Machine): Value =>
    shifted(name, width, m.pin(m.vector(0)), m.pin(m.read(1, "zero")));
  return [
    ...binaryBoth(mnemonic, byVector),
    vectorForms(mnemonic, ["xi"], 16, (m) => m.setVector(0, byImmediate(m))),
    vectorForms(mnemonic, ["ni"], 8, (m) => withMmx(m, () => byImmediate(m))),
  ];
});

/** Integer arithmetic, comparison, packing and shifts of MMX and SSE2. [SDM2B-4.3] */
export const integerVectors: readonly Definition[] = [
  ...Object.entries(DIRECT).flatMap(([mnemonic, name]) => binaryBoth(mnemonic, lanes(name))),
  ...binaryBoth("pandn", (_m, a, b) => vector2("v128.andnot", b, a)),
  ...Object.entries(NARROWING).flatMap(([mnemonic, name]) =>
    binaryBoth(mnemonic, lanes(name), (m, a, b) => {
      const both = m.pin(joinLow(a, b));
      return vector2(name, both, both);
    }),
  ),
  ...INTERLEAVED.flatMap(([suffix, bytes]) => [
    binary(`punpckl${suffix}`, interleave(bytes, 0)),
    binaryMmx(`punpckl${suffix}`, interleave(bytes, 0), 4),
    ...binaryBoth(`punpckh${suffix}`, interleave(bytes, 8), interleaveHighMmx(bytes)),
  ]),
  binary("punpcklqdq", interleave(8, 0)),
  binary("punpckhqdq", interleave(8, 8)),
  ...binaryBoth("pmulhw", highProducts("S")),
  ...binaryBoth("pmulhuw", highProducts("U")),
  ...binaryBoth("pmuludq", evenProducts("U")),
  ...binaryBoth("psadbw", sumOfDifferences),
  ...shiftDefinitions,
];
