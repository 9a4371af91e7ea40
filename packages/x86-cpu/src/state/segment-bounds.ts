import { ATTRIBUTE } from "@xenolith/x86-architecture";

/** Offsets that may be read and written through a segment; see `SEGMENT_FIELD`. */
export interface SegmentBounds {
  readonly readFirst: number;
  readonly readLast: number;
  readonly writeFirst: number;
  readonly writeLast: number;
}

const forbidden = { first: 1, last: 0 };

/** Derives the legal offsets from limit and attributes. [SDM3A-5.3] [SDM3A-5.4] */
export const segmentBounds = (limit: number, attributes: number): SegmentBounds => {
  const isUsable = (attributes & ATTRIBUTE.present) !== 0 && (attributes & ATTRIBUTE.codeOrData) !== 0;
  const isCode = (attributes & ATTRIBUTE.code) !== 0;
  const expandsDown = !isCode && (attributes & ATTRIBUTE.expandDown) !== 0;
  let all = { first: 0, last: limit };
  if (expandsDown) {
    const last = attributes & ATTRIBUTE.big ? 0xffff_ffff : 0xffff;
    all = limit >= last ? forbidden : { first: limit + 1, last };
  }
  const read = isUsable && (!isCode || (attributes & ATTRIBUTE.readable) !== 0) ? all : forbidden;
  const write = isUsable && !isCode && (attributes & ATTRIBUTE.writable) !== 0 ? all : forbidden;
  return { readFirst: read.first, readLast: read.last, writeFirst: write.first, writeLast: write.last };
};
