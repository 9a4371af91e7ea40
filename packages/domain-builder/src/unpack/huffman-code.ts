import type { BitReader } from "./bit-reader.ts";

const LONGEST = 20;

/** A canonical prefix code, made from the lengths of its codes by symbol. */
export class HuffmanCode {
  /** Symbols in the order of their codes. */
  readonly #symbols: number[];
  /** How many codes have each length. */
  readonly #counts: number[] = new Array(LONGEST + 1).fill(0);

  constructor(lengths: readonly number[]) {
    for (const length of lengths) this.#counts[length] = (this.#counts[length] ?? 0) + 1;
    this.#symbols = [...lengths.keys()].sort((a, b) => (lengths[a] ?? 0) - (lengths[b] ?? 0) || a - b);
  }

  /** The next symbol, or -1 where no code fits. */
  read(bits: BitReader): number {
    let code = 0;
    let first = 0;
    let index = 0;
    for (let length = 1; length <= LONGEST; length++) {
      code = code * 2 + bits.read(1);
      const count = this.#counts[length] ?? 0;
      if (code - first < count) return this.#symbols[index + code - first] ?? -1;
      index += count;
      first = (first + count) * 2;
    }
    return -1;
  }
}
