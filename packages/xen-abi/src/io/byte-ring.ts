/** Where one direction of a ring of bytes lies in its page, as offsets in bytes. Both indices are free-running u32. */
export interface ByteRingPlace {
  readonly bufferOffset: number;
  /** A power of two. */
  readonly bufferBytes: number;
  readonly consumerOffset: number;
  readonly producerOffset: number;
}
