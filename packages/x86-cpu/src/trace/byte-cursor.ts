/** What makes parsing stop: more bytes are needed, or no bytes would help. */
export type Obstacle = "more" | "bad";

const MAX_VARINT_BYTES = 8;
const MAX_WIDE_VARINT_BYTES = 75;

/**
 * Reads bytes that may end anywhere and hold anything. After an obstacle all reads give 0; whoever reads looks at
 * {@link obstacle} before a value is put to use.
 */
export class ByteCursor {
  obstacle: Obstacle | null = null;
  at = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Says that what was read makes no sense. */
  refuse(): void {
    this.obstacle ??= "bad";
  }

  u8(): number {
    if (this.at >= this.#bytes.length) this.obstacle ??= "more";
    if (this.obstacle !== null) return 0;
    return this.#bytes[this.at++] ?? 0;
  }

  bytes(count: number): Uint8Array {
    if (this.at + count > this.#bytes.length) this.obstacle ??= "more";
    if (this.obstacle !== null) return new Uint8Array();
    this.at += count;
    return this.#bytes.slice(this.at - count, this.at);
  }

  /** Below 2^53. */
  varint(): number {
    let value = 0;
    let factor = 1;
    for (let index = 0; index < MAX_VARINT_BYTES; index++) {
      const byte = this.u8();
      value += (byte & 0x7f) * factor;
      factor *= 0x80;
      if (byte < 0x80) return value <= Number.MAX_SAFE_INTEGER ? value : this.#tooLarge();
    }
    return this.#tooLarge();
  }

  signed(): number {
    const value = this.varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  /** Below 2^`bits`. */
  wideVarint(bits: number): bigint {
    let value = 0n;
    for (let index = 0; index < MAX_WIDE_VARINT_BYTES; index++) {
      const byte = this.u8();
      value |= BigInt(byte & 0x7f) << BigInt(7 * index);
      if (byte < 0x80) {
        if (value >> BigInt(bits) !== 0n) this.refuse();
        return value;
      }
    }
    this.refuse();
    return 0n;
  }

  wideSigned(bits: number): bigint {
    const value = this.wideVarint(bits + 1);
    return (value & 1n) === 0n ? value >> 1n : -((value + 1n) >> 1n);
  }

  #tooLarge(): number {
    this.refuse();
    return 0;
  }
}
