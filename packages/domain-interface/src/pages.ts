/**
 * Access to whole pages of machine memory, by handle. A handle never gives out a raw buffer: after `release`, or after the
 * pages were taken away, reads give zeroes and writes are dropped, so that a stale handle cannot touch another domain.
 */
export interface MappedPages {
  /** Bytes behind the handle, a multiple of 4096; 0 once released. */
  readonly lengthBytes: number;
  /** Whether writes are allowed. */
  readonly writable: boolean;
  /** Writes bytes at offset `at`. What lies beyond the end is dropped. */
  copyIn(at: number, bytes: Uint8Array): void;
  /** Reads bytes from offset `at` into a buffer of the caller's: a snapshot that the other domain cannot change. */
  copyOut(at: number, into: Uint8Array): void;
  /** Reads an aligned little-endian 32-bit value, unsigned, at once. */
  readUint32(at: number): number;
  /** Writes an aligned little-endian 32-bit value at once. */
  writeUint32(at: number, value: number): void;
  /** Ends the mapping (for a grant: unmaps it). Harmless when repeated. */
  release(): void;
}

/** Pages that a TypeScript domain owns itself and may grant to others. */
export interface OwnPages extends MappedPages {
  /** Number of pages. */
  readonly pageCount: number;
}
