/**
 * Access to the shared memory that holds a ring: one page, or several that lie one after the other. A grant mapping or pages
 * of one's own will do. The other end may change what is read at any time, so each value is read once and then judged.
 */
export interface RingPage {
  copyIn(at: number, bytes: Uint8Array): void;
  copyOut(at: number, into: Uint8Array): void;
  /** Unsigned, little-endian, aligned, in one access. */
  readUint32(at: number): number;
  writeUint32(at: number, value: number): void;
}

/**
 * Returned when the other end's index cannot be: more produced than there is room for, or more consumed than produced. The ring
 * means nothing from then on; its owner disconnects the device.
 */
export const RING_VIOLATION = -1;
