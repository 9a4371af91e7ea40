/** Reads instruction bytes in order. Beyond the end it yields zeros and remembers that it was exhausted. */
export class ByteReader {
  #bytes: Uint8Array = new Uint8Array();
  #start = 0;
  #end = 0;
  #at = 0;
  /** Whether more bytes were asked for than there are. */
  isExhausted = false;

  /** Begins anew with other bytes. */
  start(bytes: Uint8Array, at: number, available: number): void {
    this.#bytes = bytes;
    this.#start = at;
    this.#at = at;
    this.#end = at + available;
    this.isExhausted = false;
  }

  /** Bytes taken so far. */
  get consumed(): number {
    return this.#at - this.#start;
  }

  /** The next byte without taking it; 0 at the end. */
  peek(): number {
    return this.#at < this.#end ? (this.#bytes[this.#at] ?? 0) : 0;
  }

  u8(): number {
    if (this.#at >= this.#end) {
      this.isExhausted = true;
      return 0;
    }
    const byte = this.#bytes[this.#at] ?? 0;
    this.#at += 1;
    return byte;
  }

  i8(): number {
    return (this.u8() << 24) >> 24;
  }

  u16(): number {
    const low = this.u8();
    return low | (this.u8() << 8);
  }

  i16(): number {
    return (this.u16() << 16) >> 16;
  }

  i32(): number {
    const low = this.u16();
    return low | (this.u16() << 16);
  }
}
