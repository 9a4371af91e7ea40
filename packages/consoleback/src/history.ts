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

/** Makes a history of `capacityBytes` bytes. */
export const createHistory = (capacityBytes: number): History => {
  const ring = new Uint8Array(capacityBytes);
  let end = 0;
  const start = (): number => Math.max(0, end - capacityBytes);
  return {
    get end() {
      return end;
    },
    get start() {
      return start();
    },
    append: (bytes) => {
      const kept = bytes.subarray(Math.max(0, bytes.length - capacityBytes));
      let at = end + bytes.length - kept.length;
      for (const byte of kept) ring[at++ % capacityBytes] = byte;
      end += bytes.length;
    },
    copy: (position, maximumBytes) => {
      const from = Math.max(position, start());
      return Uint8Array.from(
        { length: Math.max(0, Math.min(maximumBytes, end - from)) },
        (_, index) => ring[(from + index) % capacityBytes] ?? 0,
      );
    },
  };
};
