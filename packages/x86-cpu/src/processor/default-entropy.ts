import type { EntropySource } from "@xenolith/machine-interface";

/** An entropy source with a fixed seed, for processors that are given none: runs repeat. Not for secrets. */
export const createDefaultEntropy = (seed = 0x9e37_79b9): EntropySource => {
  let state = seed | 1;
  const next32 = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return Math.imul(state, 0x2545_f491) >>> 0;
  };
  return {
    next32,
    below: (bound) => Math.floor((next32() / 0x1_0000_0000) * bound),
    fork: (name) =>
      createDefaultEntropy(
        [...name].reduce((sum, letter) => Math.imul(sum, 31) + letter.charCodeAt(0), seed),
      ),
  };
};
