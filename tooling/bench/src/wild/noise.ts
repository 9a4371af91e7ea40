/** Numbers that follow from a seed. */
export interface Noise {
  /** 32 bits, unsigned. */
  next(): number;
  bytes(length: number): Uint8Array;
}

/** Makes noise: xorshift of 32 bits, whose low bits are mixed. */
export const createNoise = (seed: number): Noise => {
  let state = (seed ^ 0x9e37_79b9) >>> 0 || 1;
  const next = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return Math.imul(state, 0x2c1b_3c6d) >>> 0;
  };
  return { next, bytes: (length) => Uint8Array.from({ length }, () => next() >>> 24) };
};
