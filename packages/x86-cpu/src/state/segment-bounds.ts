import { ATTRIBUTE } from "@xenolith/x86-architecture";

/** Offsets that may be read and written through a segment; see `SEGMENT_FIELD`. */
export interface SegmentBounds {
  readonly readFirst: number;
  readonly readLast: number;
  readonly writeFirst: number;
  readonly writeLast: number;
}

const FORBIDDEN = { first: 1, last: 0 };
const WHOLE = { first: 0, last: 0xffff_ffff };

const combine = (read: typeof WHOLE, write: typeof WHOLE): SegmentBounds => ({
  readFirst: read.first,
  readLast: read.last,
  writeFirst: write.first,
  writeLast: write.last,
});

/** Bounds of the usual segments, made once: with the whole address space, or with nothing. */
const NOTHING = combine(FORBIDDEN, FORBIDDEN);
const WHOLE_READ = combine(WHOLE, FORBIDDEN);
const WHOLE_BOTH = combine(WHOLE, WHOLE);

/** Derives the legal offsets from limit and attributes. [SDM3A-5.3] [SDM3A-5.4] */
export const segmentBounds = (limit: number, attributes: number): SegmentBounds => {
  const isUsable = (attributes & ATTRIBUTE.present) !== 0 && (attributes & ATTRIBUTE.codeOrData) !== 0;
  if (!isUsable) return NOTHING;
  const isCode = (attributes & ATTRIBUTE.code) !== 0;
  const expandsDown = !isCode && (attributes & ATTRIBUTE.expandDown) !== 0;
  const isReadable = !isCode || (attributes & ATTRIBUTE.readable) !== 0;
  const isWritable = !isCode && (attributes & ATTRIBUTE.writable) !== 0;
  if (limit === WHOLE.last && !expandsDown) {
    if (!isReadable) return NOTHING;
    return isWritable ? WHOLE_BOTH : WHOLE_READ;
  }
  const all = expandsDown ? above(limit, attributes) : { first: 0, last: limit };
  return combine(isReadable ? all : FORBIDDEN, isWritable ? all : FORBIDDEN);
};

/** Offsets of a segment that expands down: those above its limit. */
const above = (limit: number, attributes: number): typeof WHOLE => {
  const last = attributes & ATTRIBUTE.big ? 0xffff_ffff : 0xffff;
  return limit >= last ? FORBIDDEN : { first: limit + 1, last };
};

/** Last linear address up to which a segment is as good as none; see `SEGMENT_FIELD.flatLast`. */
export const flatLast = (base: number, bounds: SegmentBounds): number => {
  if (base !== 0 || bounds.readFirst !== 0 || bounds.writeFirst !== 0) return 0;
  return Math.min(bounds.readLast, bounds.writeLast);
};
