/** Bytes that grow at the end, and from which earlier ones are repeated. */
export class Output {
  #bytes: Uint8Array;
  /** How many there are. */
  length = 0;

  constructor(expectedBytes: number) {
    this.#bytes = new Uint8Array(Math.max(expectedBytes, 1 << 16));
  }

  /** Makes room for so many more. */
  #reserve(more: number): void {
    if (this.length + more <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.length + more, this.#bytes.length * 2));
    larger.set(this.#bytes.subarray(0, this.length));
    this.#bytes = larger;
  }

  put(byte: number): void {
    if (this.length === this.#bytes.length) this.#reserve(1);
    this.#bytes[this.length++] = byte;
  }

  append(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** The byte `distance` before the end; 1 is the last one. */
  back(distance: number): number {
    return this.#bytes[this.length - distance] ?? 0;
  }

  /** Repeats `length` bytes from `distance` before the end, each as it has become by then. */
  repeat(distance: number, length: number): void {
    this.#reserve(length);
    const bytes = this.#bytes;
    let to = this.length;
    if (distance >= length) bytes.copyWithin(to, to - distance, to - distance + length);
    else for (const end = to + length; to < end; to++) bytes[to] = bytes[to - distance] ?? 0;
    this.length += length;
  }

  /** All bytes from a position on; a view. */
  from(start: number): Uint8Array {
    return this.#bytes.subarray(start, this.length);
  }
}
