const CHUNK_BYTES = 1 << 16;

/** Collects bytes and hands them on in chunks. */
export class ByteWriter {
  readonly #write: (chunk: Uint8Array) => void;
  #bytes = new Uint8Array(CHUNK_BYTES);
  #length = 0;

  constructor(write: (chunk: Uint8Array) => void) {
    this.#write = write;
  }

  u8(value: number): void {
    if (this.#length === this.#bytes.length) this.flush();
    this.#bytes[this.#length++] = value;
  }

  bytes(values: Iterable<number>): void {
    for (const value of values) this.u8(value);
  }

  /** A number that is not negative, below 2^53. */
  varint(value: number): void {
    let left = value;
    for (; left >= 0x80; left = Math.floor(left / 0x80)) this.u8((left % 0x80) | 0x80);
    this.u8(left);
  }

  /** A number between -2^52 and 2^52. */
  signed(value: number): void {
    this.varint(value < 0 ? -2 * value - 1 : 2 * value);
  }

  /** A number of any size that is not negative. */
  wideVarint(value: bigint): void {
    let left = value;
    for (; left >= 0x80n; left >>= 7n) this.u8(Number(left & 0x7fn) | 0x80);
    this.u8(Number(left));
  }

  wideSigned(value: bigint): void {
    this.wideVarint(value < 0n ? -2n * value - 1n : 2n * value);
  }

  /** Hands on what has been collected. */
  flush(): void {
    if (this.#length === 0) return;
    this.#write(this.#bytes.subarray(0, this.#length));
    this.#bytes = new Uint8Array(CHUNK_BYTES);
    this.#length = 0;
  }
}
