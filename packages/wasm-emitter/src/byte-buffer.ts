const free: Uint8Array[] = [];
const INITIAL_BYTES = 4096;
const KEPT_BUFFERS = 64;

/**
 * A growing sequence of bytes. Its storage is taken from a pool and goes back there with {@link release}, because a fresh
 * buffer per function would dominate the time to emit a small one.
 */
export class ByteBuffer {
  #bytes: Uint8Array = free.pop() ?? new Uint8Array(INITIAL_BYTES);
  #length = 0;

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  /** The bytes written so far, as a view that the next write may invalidate. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Gives the storage back. The buffer is empty and usable afterwards, but must not be used by two owners. */
  release(): void {
    if (free.length < KEPT_BUFFERS) free.push(this.#bytes);
    this.#bytes = new Uint8Array(0);
    this.#length = 0;
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(INITIAL_BYTES, 2 * this.#bytes.length, this.#length + count));
    larger.set(this.view());
    this.#bytes = larger;
  }

  byte(value: number): void {
    if (this.#length === this.#bytes.length) this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  bytes(values: ArrayLike<number>): void {
    this.#reserve(values.length);
    this.#bytes.set(values, this.#length);
    this.#length += values.length;
  }

  /** Unsigned LEB128 of a value below 2^32. [WASM 5.2.2] */
  unsigned(value: number): void {
    let rest = value >>> 0;
    this.#reserve(5);
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#bytes[this.#length++] = rest;
  }

  /** Signed LEB128 of a safe integer. */
  signed(value: number): void {
    this.#reserve(10);
    if (value === (value | 0)) {
      this.#signedWord(value);
      return;
    }
    let rest = value;
    for (;;) {
      const low = rest & 0x7f;
      rest = Math.floor(rest / 128);
      const isLast = (rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0);
      this.#bytes[this.#length++] = isLast ? low : low | 0x80;
      if (isLast) return;
    }
  }

  /** The same for 32 bits, which almost all are. */
  #signedWord(value: number): void {
    let rest = value;
    while (rest < -64 || rest > 63) {
      this.#bytes[this.#length++] = (rest & 0x7f) | 0x80;
      rest >>= 7;
    }
    this.#bytes[this.#length++] = rest & 0x7f;
  }

  /** Signed LEB128 of a 64-bit integer. */
  signedWide(value: bigint): void {
    this.#reserve(10);
    let rest = value;
    for (;;) {
      const low = Number(rest & 0x7fn);
      rest >>= 7n;
      const isLast = (rest === 0n && (low & 0x40) === 0) || (rest === -1n && (low & 0x40) !== 0);
      this.#bytes[this.#length++] = isLast ? low : low | 0x80;
      if (isLast) return;
    }
  }

  /** Eight bytes of a double, little-endian. */
  float64(value: number): void {
    this.bytes(new Uint8Array(new Float64Array([value]).buffer));
  }

  /** Four bytes of a float, little-endian. */
  float32(value: number): void {
    this.bytes(new Uint8Array(new Float32Array([value]).buffer));
  }

  /** Sixteen bytes, lowest first. */
  vector(bits: bigint): void {
    this.#reserve(16);
    for (let byte = 0n; byte < 128n; byte += 8n) {
      this.#bytes[this.#length++] = Number((bits >> byte) & 0xffn);
    }
  }

  /** A name: length, then UTF-8. */
  name(text: string): void {
    const encoded = new TextEncoder().encode(text);
    this.unsigned(encoded.length);
    this.bytes(encoded);
  }
}
