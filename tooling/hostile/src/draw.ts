import type { EntropySource } from "@xenolith/machine-interface";

/** Random choices of an attack: all of them come from one seed. */
export interface Draw {
  /** Uniform integer in [0, bound). */
  below(bound: number): number;
  /** True once in `oneIn` times. */
  chance(oneIn: number): boolean;
  pick<Value>(from: readonly Value[]): Value;
  next32(): number;
  bytes(length: number): Uint8Array;
}

/** Makes the choices over a source of randomness. */
export const createDraw = (entropy: EntropySource): Draw => ({
  below: (bound) => entropy.below(Math.max(1, bound)),
  chance: (oneIn) => entropy.below(oneIn) === 0,
  pick<Value>(from: readonly Value[]): Value {
    const chosen = from[entropy.below(Math.max(1, from.length))];
    if (chosen === undefined) throw new RangeError("there is nothing to pick from");
    return chosen;
  },
  next32: () => entropy.next32(),
  bytes: (length) => Uint8Array.from({ length }, () => entropy.below(256)),
});

/** Numbers at which checks begin and end. */
const EDGES: readonly number[] = [
  0, 1, 2, 3, 4, 7, 8, 31, 32, 63, 127, 128, 511, 512, 1023, 1024, 4095, 4096, 7168, 8192, 0x7fef, 0x7ff0,
  0x7ff1, 0x7ff2, 0x7ff4, 0x7fff, 0xffff, 0x1_0000, 0xf_ffff, 0x10_0000, 0x7fff_ffff, 0x8000_0000,
  0x8000_0001, 0xf57f_ffff, 0xf580_0000, 0xffff_f000, 0xffff_fffc, 0xffff_ffff,
];

/** A 32-bit number that is often at an edge. */
export const drawOdd = (draw: Draw): number => {
  const kind = draw.below(4);
  if (kind < 2) return draw.pick(EDGES);
  return kind === 2 ? draw.next32() : draw.below(2048);
};

/** Addresses at which the canonical halves, and the monitor of a 64-bit guest, begin and end. */
const LONG_EDGES: readonly bigint[] = [
  0x7fff_ffff_ffffn,
  0x8000_0000_0000n,
  0x7fff_ffff_ffff_ffffn,
  0x8000_0000_0000_0000n,
  0xffff_7fff_ffff_ffffn,
  0xffff_8000_0000_0000n,
  0xffff_87ff_ffff_ffffn,
  0xffff_8800_0000_0000n,
  0xffff_ffff_ffff_fffcn,
  0xffff_ffff_ffff_ffffn,
];

/** A 64-bit number that is often at an edge. */
export const drawOddLong = (draw: Draw): bigint => {
  const kind = draw.below(4);
  if (kind === 0) return draw.pick(LONG_EDGES);
  const low = BigInt(drawOdd(draw));
  return kind === 1 ? (BigInt(drawOdd(draw)) << 32n) | low : low;
};
