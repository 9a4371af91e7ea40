const free: Uint8Array[] = [];
const INITIAL_BYTES = 4096;
const KEPT_BUFFERS = 64;
const EMPTY = new Uint8Array(0);
const encoder = new TextEncoder();

const isAscii = (text: string): boolean => {
  for (let position = 0; position < text.length; position++)
    if (text.charCodeAt(position) > 0x7f) return false;
  return true;
};

/**
 * A growing sequence of bytes. Its storage is taken from a pool and goes back there with {@link release}, because a fresh
 * buffer per function would dominate the time to emit a small one.
 */
export class ByteBuffer {
  #bytes: Uint8Array = free.pop() ?? new Uint8Array(INITIAL_BYTES);
  #capacity: number = this.#bytes.length;
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
    this.#bytes = EMPTY;
    this.#capacity = 0;
    this.#length = 0;
  }

  #grow(count: number): void {
    const larger = new Uint8Array(Math.max(INITIAL_BYTES, 2 * this.#capacity, this.#length + count));
    larger.set(this.view());
    this.#bytes = larger;
    this.#capacity = larger.length;
  }

  byte(value: number): void {
    const at = this.#length;
    if (at === this.#capacity) this.#grow(1);
    this.#bytes[at] = value;
    this.#length = at + 1;
  }

  /** A byte and an unsigned LEB128: most instructions with an immediate. */
  instruction(opcode: number, immediate: number): void {
    let at = this.#length;
    if (at + 6 > this.#capacity) this.#grow(6);
    const bytes = this.#bytes;
    bytes[at++] = opcode;
    let rest = immediate >>> 0;
    while (rest >= 0x80) {
      bytes[at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    bytes[at++] = rest;
    this.#length = at;
  }

  /** A byte and a signed LEB128 of 32 bits. */
  constant(opcode: number, value: number): void {
    let at = this.#length;
    if (at + 6 > this.#capacity) this.#grow(6);
    const bytes = this.#bytes;
    bytes[at++] = opcode;
    let rest = value;
    while (rest < -64 || rest > 63) {
      bytes[at++] = (rest & 0x7f) | 0x80;
      rest >>= 7;
    }
    bytes[at++] = rest & 0x7f;
    this.#length = at;
  }

  /** An opcode: one byte, or a prefix in bits 23:16 and the unsigned LEB128 of the rest. */
  opcode(value: number): void {
    if (value < 0x100) this.byte(value);
    else this.instruction(value >>> 16, value & 0xffff);
  }

  bytes(values: ArrayLike<number>): void {
    const at = this.#length;
    if (at + values.length > this.#capacity) this.#grow(values.length);
    this.#bytes.set(values, at);
    this.#length = at + values.length;
  }

  /** Unsigned LEB128 of a value below 2^32. [WASM 5.2.2] */
  unsigned(value: number): void {
    let at = this.#length;
    if (at + 5 > this.#capacity) this.#grow(5);
    const bytes = this.#bytes;
    let rest = value >>> 0;
    while (rest >= 0x80) {
      bytes[at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    bytes[at++] = rest;
    this.#length = at;
  }

  /** Signed LEB128 of a safe integer. */
  signed(value: number): void {
    this.#signedHalves(value | 0, Math.floor(value / 2 ** 32) | 0);
  }

  /** Signed LEB128 of a 64-bit integer. */
  signedWide(value: bigint): void {
    this.#signedHalves(Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n)));
  }

  /** Signed LEB128 of 64 bits in two words, both signed. */
  #signedHalves(low: number, high: number): void {
    let at = this.#length;
    if (at + 10 > this.#capacity) this.#grow(10);
    const bytes = this.#bytes;
    let rest = low;
    let above = high;
    // The sign of the low word must be that of the whole before the rest of it can stand for all.
    while (above !== rest >> 31 || rest < -64 || rest > 63) {
      bytes[at++] = (rest & 0x7f) | 0x80;
      rest = (rest >>> 7) | (above << 25);
      above >>= 7;
    }
    bytes[at++] = rest & 0x7f;
    this.#length = at;
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
    for (let byte = 0n; byte < 128n; byte += 8n) this.byte(Number((bits >> byte) & 0xffn));
  }

  /** A name: length, then UTF-8. */
  name(text: string): void {
    if (text.length < 0x80 && isAscii(text)) {
      this.byte(text.length);
      for (let position = 0; position < text.length; position++) this.byte(text.charCodeAt(position));
      return;
    }
    const encoded = encoder.encode(text);
    this.unsigned(encoded.length);
    this.bytes(encoded);
  }
}
