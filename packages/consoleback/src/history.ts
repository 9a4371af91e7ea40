/**
 * The last bytes of a stream, each named by its position since the start. Old ones are overwritten.
 */
export interface History {
  /** Position behind the last byte: how many were ever added. */
  readonly end: number;
  /** Position of the oldest byte still there. */
  readonly start: number;
  append(bytes: Uint8Array): void;
  /** A copy of up to `maximumBytes` bytes from a position on; positions before `start` begin there. */
  copy(position: number, maximumBytes: number): Uint8Array;
}

/** Room that a history has at first: most consoles never say more. */
const FIRST_BYTES = 64;

/**
 * Not yet at its capacity it holds the whole stream, so that bytes stay where they are when it grows. A class, not closures:
 * a host has one for every domain.
 */
class GrowingHistory implements History {
  end = 0;
  readonly #capacityBytes: number;
  #ring: Uint8Array;

  constructor(capacityBytes: number) {
    this.#capacityBytes = capacityBytes;
    this.#ring = new Uint8Array(Math.min(FIRST_BYTES, capacityBytes));
  }

  get start(): number {
    return Math.max(0, this.end - this.#capacityBytes);
  }

  append(bytes: Uint8Array): void {
    this.#growFor(this.end + bytes.length);
    const ring = this.#ring;
    const kept = bytes.subarray(Math.max(0, bytes.length - this.#capacityBytes));
    let at = this.end + bytes.length - kept.length;
    for (const byte of kept) ring[at++ % ring.length] = byte;
    this.end += bytes.length;
  }

  copy(position: number, maximumBytes: number): Uint8Array {
    const ring = this.#ring;
    const from = Math.max(position, this.start);
    return Uint8Array.from(
      { length: Math.max(0, Math.min(maximumBytes, this.end - from)) },
      (_, index) => ring[(from + index) % ring.length] ?? 0,
    );
  }

  #growFor(length: number): void {
    const before = this.#ring;
    if (length <= before.length || before.length === this.#capacityBytes) return;
    let size = before.length;
    while (size < length && size < this.#capacityBytes) size *= 2;
    this.#ring = new Uint8Array(Math.min(size, this.#capacityBytes));
    this.#ring.set(before);
  }
}

/** Makes a history of `capacityBytes` bytes. It takes memory as it fills. */
export const createHistory = (capacityBytes: number): History => new GrowingHistory(capacityBytes);
