import {
  add,
  and,
  bitselect,
  extractLane,
  gtU,
  i32,
  mul,
  replaceLane,
  select,
  shrU,
  shuffle,
  splat,
  sub,
  type Value,
  v128,
  vector2,
} from "@xenolith/wasm-emitter";
import type { Machine } from "../../machine/machine.ts";
import { beginMmx, enterMmx } from "../../machine/mmx.ts";
import type { Definition, Meaning } from "../definition.ts";
import { operandBytesWith, vectorForms, withMmx } from "./forms.ts";

const zero = v128(0n);

/** Numbers 0 to 15, a byte each. */
const COUNTING = 0x0f0e_0d0c_0b0a_0908_0706_0504_0302_0100n;
/** Numbers 0 to 7, 16 bits each. */
const COUNTING_WORDS = 0x0007_0006_0005_0004_0003_0002_0001_0000n;
const counting = v128(COUNTING);

/** Field number `lane` of an immediate that has `bits` for each lane. */
const field = (immediate: Value, lane: number, bits: number): Value =>
  and(shrU(immediate, lane * bits), (1 << bits) - 1);

/** The bytes of a lane of 4 bytes, as a word of indices; `selector` is 0 to 3 (i32). */
const wordIndices = (selector: Value): Value => add(mul(selector, 0x0404_0404), 0x0302_0100);

/** Four 32-bit indices that an immediate selects; see {@link wordIndices}. */
const selectedWords = (m: Machine, immediate: Value): Value => {
  let indices: Value = splat("i32x4", wordIndices(field(immediate, 0, 2)));
  for (let lane = 1; lane < 4; lane++)
    indices = replaceLane("i32x4", m.pin(indices), lane, wordIndices(field(immediate, lane, 2)));
  return indices;
};

/** Picks bytes from two vectors: at once where the immediate is known, else by `dynamic`. */
const picked = (
  a: Value,
  b: Value,
  immediate: Value,
  indices: (immediate: number) => readonly number[],
  dynamic: () => Value,
): Value => (immediate.isConstant ? shuffle(a, b, indices(immediate.number)) : dynamic());

const bytesOfLane = (lane: number, bytes: number): number[] =>
  Array.from({ length: bytes }, (_, index) => lane * bytes + index);

const two = (immediate: number, lane: number): number => (immediate >> (2 * lane)) & 3;

const pshufd = (m: Machine, a: Value, immediate: Value): Value =>
  picked(
    a,
    a,
    immediate,
    (number) => [0, 1, 2, 3].flatMap((lane) => bytesOfLane(two(number, lane), 4)),
    () => vector2("i8x16.swizzle", a, selectedWords(m, immediate)),
  );

/** Four 16-bit lanes from `first` on are permuted, the others stay. */
const permutedQuarter =
  (first: 0 | 4) =>
  (m: Machine, a: Value, immediate: Value): Value =>
    picked(
      a,
      a,
      immediate,
      (number) =>
        [0, 1, 2, 3, 4, 5, 6, 7].flatMap((lane) => {
          const isOther = lane < first || lane >= first + 4;
          return bytesOfLane(isOther ? lane : first + two(number, lane - first), 2);
        }),
      () => {
        let indices: Value = counting;
        for (let lane = 0; lane < 4; lane++) {
          const selector = add(field(immediate, lane, 2), first);
          indices = replaceLane("i16x8", m.pin(indices), first + lane, add(mul(selector, 0x0202), 0x0100));
        }
        return vector2("i8x16.swizzle", a, indices);
      },
    );

const NOWHERE = 0xffff_ffff;

const shufps = (m: Machine, a: Value, b: Value, immediate: Value): Value =>
  picked(
    a,
    b,
    immediate,
    (number) => [0, 1, 2, 3].flatMap((lane) => bytesOfLane(two(number, lane) + (lane < 2 ? 0 : 4), 4)),
    () => {
      const indices = m.pin(selectedWords(m, immediate));
      const low = v128(0xffff_ffff_ffff_ffffn);
      const nowhere = splat("i32x4", i32(NOWHERE));
      return vector2(
        "v128.or",
        vector2("i8x16.swizzle", a, bitselect(indices, nowhere, low)),
        vector2("i8x16.swizzle", b, bitselect(nowhere, indices, low)),
      );
    },
  );

const shufpd = (_m: Machine, a: Value, b: Value, immediate: Value): Value =>
  picked(
    a,
    b,
    immediate,
    (number) => [...bytesOfLane(number & 1, 8), ...bytesOfLane(2 + ((number >> 1) & 1), 8)],
    () => {
      const half = (vector: Value, bit: number): Value =>
        select(extractLane("i64x2", vector, 1), extractLane("i64x2", vector, 0), field(immediate, bit, 1));
      return replaceLane("i64x2", splat("i64x2", half(a, 0)), 1, half(b, 1));
    },
  );

/** Both vectors in a row, the first above, shifted right by bytes. `width`: bytes of each. */
export const alignRight = (m: Machine, a: Value, b: Value, immediate: Value, width: 8 | 16): Value => {
  const count = m.pin(select(i32(2 * width), immediate, gtU(immediate, 2 * width)));
  const indices = m.pin(vector2("i8x16.add", counting, splat("i8x16", count)));
  if (width === 16) {
    const above = vector2("i8x16.sub", indices, splat("i8x16", i32(16)));
    return vector2("v128.or", vector2("i8x16.swizzle", b, indices), vector2("i8x16.swizzle", a, above));
  }
  const both = shuffle(b, a, [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23]);
  return vector2("i8x16.swizzle", both, indices);
};

/** Shifts a whole register by bytes: to the left for PSLLDQ. */
const byteShift =
  (isLeft: boolean): Meaning =>
  (m) => {
    const a = m.pin(m.vector(0));
    const immediate = m.pin(m.read(1, "zero"));
    if (immediate.isConstant) {
      const by = Math.min(immediate.number, 16);
      const indices = bytesOfLane(0, 16).map((byte) => (isLeft ? 16 - by + byte : by + byte));
      m.setVector(0, isLeft ? shuffle(zero, a, indices) : shuffle(a, zero, indices));
      return;
    }
    const count = select(i32(16), immediate, gtU(immediate, 16));
    const change = splat("i8x16", isLeft ? sub(i32(0), count) : count);
    m.setVector(0, vector2("i8x16.swizzle", a, vector2("i8x16.add", counting, change)));
  };

/** A vector with one 16-bit lane replaced; the lane's number is taken modulo `lanes`. */
const insertWord = (m: Machine, lanes: number): Value => {
  const value = m.pin(m.read(1, "any"));
  const a = m.pin(m.vector(0));
  const lane = and(m.read(2, "zero"), lanes - 1);
  if (lane.isConstant) return replaceLane("i16x8", a, lane.number, value);
  const mask = vector2("i16x8.eq", splat("i16x8", lane), v128(COUNTING_WORDS));
  return bitselect(splat("i16x8", value), a, mask);
};

const extractWord = (m: Machine, lanes: number): Value => {
  const lane = m.pin(and(m.read(2, "zero"), lanes - 1));
  if (lane.isConstant) return extractLane("i16x8", m.vector(1), lane.number);
  const indices = splat("i16x8", add(mul(lane, 0x0202), 0x0100));
  return extractLane("i16x8", vector2("i8x16.swizzle", m.vector(1), indices), 0);
};

type Permute = (m: Machine, a: Value, immediate: Value) => Value;

const permutation = (mnemonic: string, permute: Permute): Definition =>
  vectorForms(mnemonic, ["xxi", "xmi"], 16, (m) => {
    const a = m.pin(m.vector(1));
    m.setVector(0, permute(m, a, m.pin(m.read(2, "zero"))));
  });

/** An instruction on two vectors with an immediate. */
export const ternary = (
  mnemonic: string,
  combine: (m: Machine, a: Value, b: Value, immediate: Value) => Value,
  memoryBytes = 16,
): Definition =>
  vectorForms(mnemonic, ["xxi", "xmi"], memoryBytes, (m) => {
    const b = m.pin(m.vector(1));
    const a = m.pin(m.vector(0));
    m.setVector(0, combine(m, a, b, m.pin(m.read(2, "zero"))));
  });

const insertion = (forms: readonly string[], meaning: Meaning): Definition => ({
  ...vectorForms("pinsrw", forms, 2, meaning),
  operandBytes: operandBytesWith(2),
});

/** Shuffles, byte shifts, insertion and extraction of MMX, SSE and SSE2. [SDM2B-4.3] */
export const vectorShuffles: readonly Definition[] = [
  permutation("pshufd", pshufd),
  permutation("pshuflw", permutedQuarter(0)),
  permutation("pshufhw", permutedQuarter(4)),
  vectorForms("pshufw", ["nni", "nmi"], 8, (m) =>
    withMmx(m, () => permutedQuarter(0)(m, m.pin(m.vector(1)), m.pin(m.read(2, "zero")))),
  ),
  ternary("shufps", shufps),
  ternary("shufpd", shufpd),
  vectorForms("pslldq", ["xi"], 16, byteShift(true)),
  vectorForms("psrldq", ["xi"], 16, byteShift(false)),
  insertion(["xri", "xmi"], (m) => m.setVector(0, insertWord(m, 8))),
  insertion(["nri", "nmi"], (m) => withMmx(m, () => insertWord(m, 4))),
  vectorForms("pextrw", ["rxi"], 2, (m) => m.write(0, extractWord(m, 8))),
  vectorForms("pextrw", ["rni"], 2, (m) => {
    beginMmx(m);
    const word = m.pin(extractWord(m, 4));
    enterMmx(m);
    m.write(0, word);
  }),
];

/** Bits of an immediate as a mask of 16-bit lanes, for blends. */
export const laneMask = (immediate: Value): Value =>
  vector2("i16x8.ne", vector2("v128.and", splat("i16x8", immediate), v128(WORD_BITS)), zero);

const WORD_BITS = 0x0080_0040_0020_0010_0008_0004_0002_0001n;
