/**
 * Rings of bytes with free-running 32-bit indices, as the console and xenstore interfaces have them, one for each
 * direction. Either end may be hostile: indices are checked at each use and bytes are copied once. [XEN io/console.h]
 * [XEN io/xs_wire.h]
 */

import { RING_VIOLATION, type RingPage } from "./ring-page.ts";

/** Where one direction of a byte ring lies in its page. All offsets in bytes. */
export interface ByteRingLayout {
  readonly bufferOffset: number;
  /** A power of two. */
  readonly bufferBytes: number;
  readonly consumerOffset: number;
  readonly producerOffset: number;
}

/** Bytes that wait to be read, or {@link RING_VIOLATION}. */
export const byteRingUsed = (page: RingPage, layout: ByteRingLayout): number => {
  const used = (page.readUint32(layout.producerOffset) - page.readUint32(layout.consumerOffset)) >>> 0;
  return used > layout.bufferBytes ? RING_VIOLATION : used;
};

/** Calls `piece(ring offset, offset in the caller's buffer, length)` for the one or two runs of a range. */
const forEachRun = (
  layout: ByteRingLayout,
  index: number,
  length: number,
  piece: (at: number, from: number, count: number) => void,
): void => {
  const start = index & (layout.bufferBytes - 1);
  const first = Math.min(length, layout.bufferBytes - start);
  if (first > 0) piece(layout.bufferOffset + start, 0, first);
  if (length > first) piece(layout.bufferOffset, first, length - first);
};

/**
 * Consumer's side: takes up to `into.length` bytes.
 * @returns how many, or {@link RING_VIOLATION}. When it is above 0 the caller notifies the producer.
 */
export const readByteRing = (page: RingPage, layout: ByteRingLayout, into: Uint8Array): number => {
  const used = byteRingUsed(page, layout);
  if (used <= 0) return used;
  const consumer = page.readUint32(layout.consumerOffset);
  const count = Math.min(used, into.length);
  forEachRun(layout, consumer, count, (at, from, length) =>
    page.copyOut(at, into.subarray(from, from + length)),
  );
  page.writeUint32(layout.consumerOffset, (consumer + count) >>> 0);
  return count;
};

/**
 * Producer's side: appends as many of the first bytes as there is room for.
 * @returns how many, or {@link RING_VIOLATION}. When it is above 0 the caller notifies the consumer.
 */
export const writeByteRing = (page: RingPage, layout: ByteRingLayout, bytes: Uint8Array): number => {
  const used = byteRingUsed(page, layout);
  if (used < 0) return used;
  const producer = page.readUint32(layout.producerOffset);
  const count = Math.min(layout.bufferBytes - used, bytes.length);
  forEachRun(layout, producer, count, (at, from, length) =>
    page.copyIn(at, bytes.subarray(from, from + length)),
  );
  if (count > 0) page.writeUint32(layout.producerOffset, (producer + count) >>> 0);
  return count;
};
