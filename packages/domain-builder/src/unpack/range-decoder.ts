const MODEL_BITS = 11;
const ADAPTATION = 5;
const TOP = 2 ** 24;

/** The entropy decoder of LZMA: bits, each with a probability that follows what was seen. */
export class RangeDecoder {
  readonly #bytes: Uint8Array;
  #at: number;
  readonly #end: number;
  #range = 0xffff_ffff;
  #code = 0;

  /** Starts in `bytes` at `at`. Its first byte is always 0, four more are the beginning of the code. */
  constructor(bytes: Uint8Array, at: number, end: number) {
    this.#bytes = bytes;
    this.#at = at + 1;
    this.#end = end;
    for (let count = 0; count < 4; count++) this.#code = ((this.#code << 8) | this.#next()) >>> 0;
  }

  /** Probabilities of so many bits, all even. */
  static model(size: number): Uint16Array {
    return new Uint16Array(size).fill(1 << (MODEL_BITS - 1));
  }

  /** More has been asked for than there is. */
  get isExhausted(): boolean {
    return this.#at > this.#end;
  }

  #next(): number {
    const byte = this.#at < this.#end ? (this.#bytes[this.#at] ?? 0) : 0;
    this.#at++;
    return byte;
  }

  #normalise(): void {
    if (this.#range >= TOP) return;
    this.#range = (this.#range << 8) >>> 0;
    this.#code = ((this.#code << 8) | this.#next()) >>> 0;
  }

  /** One bit with the probability at `index`. */
  bit(model: Uint16Array, index: number): 0 | 1 {
    const probability = model[index] ?? 0;
    const bound = (this.#range >>> MODEL_BITS) * probability;
    let bit: 0 | 1;
    if (this.#code < bound) {
      this.#range = bound;
      model[index] = probability + (((1 << MODEL_BITS) - probability) >> ADAPTATION);
      bit = 0;
    } else {
      this.#range -= bound;
      this.#code -= bound;
      model[index] = probability - (probability >> ADAPTATION);
      bit = 1;
    }
    this.#normalise();
    return bit;
  }

  /** A number of `count` bits, the highest first, each with a probability that depends on those before. */
  tree(model: Uint16Array, offset: number, count: number): number {
    let symbol = 1;
    for (let index = 0; index < count; index++) symbol = (symbol << 1) | this.bit(model, offset + symbol);
    return symbol - (1 << count);
  }

  /** The same, the lowest bit first. */
  reverseTree(model: Uint16Array, offset: number, count: number): number {
    let symbol = 1;
    let value = 0;
    for (let index = 0; index < count; index++) {
      const bit = this.bit(model, offset + symbol);
      symbol = (symbol << 1) | bit;
      value |= bit << index;
    }
    return value;
  }

  /** A number of `count` bits that are as likely 0 as 1. */
  direct(count: number): number {
    let value = 0;
    for (let index = 0; index < count; index++) {
      this.#range >>>= 1;
      const bit = this.#code >= this.#range ? 1 : 0;
      if (bit === 1) this.#code -= this.#range;
      value = value * 2 + bit;
      this.#normalise();
    }
    return value;
  }
}
