import { type EntropySource, HostError } from "@xenolith/machine-interface";

const MASK_64 = (1n << 64n) - 1n;
const FNV_OFFSET = 0xcbf2_9ce4_8422_2325n;
const FNV_PRIME = 0x100_0000_01b3n;

/** One output of the splitmix64 generator whose counter stands at `state`. */
const splitmix64 = (state: bigint): bigint => {
  let z = (state + 0x9e37_79b9_7f4a_7c15n) & MASK_64;
  z = ((z ^ (z >> 30n)) * 0xbf58_476d_1ce4_e5b9n) & MASK_64;
  z = ((z ^ (z >> 27n)) * 0x94d0_49bb_1331_11ebn) & MASK_64;
  return z ^ (z >> 31n);
};

/** FNV-1a over the UTF-16 code units of a name, started from a seed: distinct for a name and its parent. */
const hashName = (seed: bigint, name: string): bigint => {
  let hash = FNV_OFFSET ^ splitmix64(seed);
  for (let i = 0; i < name.length; i++) hash = ((hash ^ BigInt(name.charCodeAt(i))) * FNV_PRIME) & MASK_64;
  return splitmix64(hash ^ BigInt(name.length));
};

const low = (value: bigint): number => Number(value & 0xffff_ffffn);
const high = (value: bigint): number => Number(value >> 32n);
const rotateLeft = (value: number, count: number): number => (value << count) | (value >>> (32 - count));

const createStream = (seed: bigint): EntropySource => {
  const first = splitmix64(seed);
  const second = splitmix64((seed + 0x9e37_79b9_7f4a_7c15n) & MASK_64);
  let s0 = low(first);
  let s1 = high(first);
  let s2 = low(second);
  let s3 = high(second);

  const next32 = (): number => {
    const result = Math.imul(rotateLeft(Math.imul(s1, 5), 7), 9) >>> 0;
    const shifted = s1 << 9;
    s2 ^= s0;
    s3 ^= s1;
    s1 ^= s2;
    s0 ^= s3;
    s2 ^= shifted;
    s3 = rotateLeft(s3, 11);
    return result;
  };

  return {
    next32,
    below(bound: number): number {
      if (!Number.isInteger(bound) || bound < 1 || bound > 2 ** 32) {
        throw new HostError("entropy-bound", `a bound must be a whole number from 1 to 2^32, got ${bound}`);
      }
      // Numbers at or above the largest multiple of the bound would favour small results: draw again.
      const limit = 2 ** 32 - (2 ** 32 % bound);
      let drawn = next32();
      while (drawn >= limit) drawn = next32();
      return drawn % bound;
    },
    fork: (name: string): EntropySource => createStream(hashName(seed, name)),
  };
};

/**
 * A repeatable stream of random numbers: xoshiro128** seeded by splitmix64. A fork depends on the seeds and names that lead
 * to it and on nothing that was drawn. Not for secrets.
 * @throws HostError `entropy-seed` unless the seed is an integer from 0 to 2^53 - 1.
 */
export const createEntropy = (seed: number): EntropySource => {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new HostError("entropy-seed", `a seed must be an integer from 0 to 2^53 - 1, got ${seed}`);
  }
  return createStream(BigInt(seed));
};
