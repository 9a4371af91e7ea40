/** Bytes of the magic number in front. */
const MAGIC_BYTES = 4;
/** Most bytes that a block holds unpacked, in the legacy frame. [LZ4 "Legacy frame"] */
const BLOCK_BYTES = 8 << 20;
/** A length field of this value goes on in the following bytes. [LZ4 "Block format"] */
const LENGTH_ESCAPE = 15;
const LENGTH_STEP = 255;
const LEAST_MATCH = 4;

/** From so many bytes on a call that copies them all is quicker than a loop. */
const LONG_COPY = 48;
/** Short copies are made in words, which may write more than is wanted: so far from the end of what there is they may. */
const WORDS_ROOM = 16;

/**
 * Repeats what lies `distance` bytes before `to`, for `length` bytes. It may reach into what it writes: what is there already
 * grows with each copy.
 */
const repeat = (target: Uint8Array, to: number, distance: number, length: number): void => {
  const from = to - distance;
  const end = to + length;
  for (let place = to; place < end; ) {
    const count = Math.min(place - from, end - place);
    target.copyWithin(place, from, from + count);
    place += count;
  }
};

/**
 * Unpacks one block into `target` from `start` on: one loop over plain variables, because a kernel is tens of megabytes and
 * unpacked by code that has had no time to become quick. [LZ4 "Block format"]
 * @returns where it ends in `target`, or -1 where the block makes no sense.
 */
const unpackBlock = (source: Uint8Array, target: Uint8Array, start: number): number => {
  const sourceView = new DataView(source.buffer, source.byteOffset, source.byteLength);
  const targetView = new DataView(target.buffer, target.byteOffset, target.byteLength);
  const end = source.length;
  const room = target.length;
  let at = 0;
  let to = start;
  while (at < end) {
    const token = source[at++] ?? 0;
    let literals = token >>> 4;
    if (literals === LENGTH_ESCAPE) {
      for (let step = LENGTH_STEP; step === LENGTH_STEP && at < end; literals += step)
        step = source[at++] ?? 0;
    }
    if (at + literals > end || to + literals > room) return -1;
    if (literals >= LONG_COPY) target.set(source.subarray(at, at + literals), to);
    else if (literals <= 8 && at + WORDS_ROOM <= end && to + WORDS_ROOM <= room) {
      targetView.setInt32(to, sourceView.getInt32(at, true), true);
      targetView.setInt32(to + 4, sourceView.getInt32(at + 4, true), true);
    } else for (let index = 0; index < literals; index++) target[to + index] = source[at + index] ?? 0;
    at += literals;
    to += literals;
    if (at === end) return to;
    if (at + 2 > end) return -1;
    const distance = (source[at] ?? 0) | ((source[at + 1] ?? 0) << 8);
    at += 2;
    let length = token & LENGTH_ESCAPE;
    if (length === LENGTH_ESCAPE) {
      for (let step = LENGTH_STEP; step === LENGTH_STEP && at < end; length += step) step = source[at++] ?? 0;
    }
    length += LEAST_MATCH;
    const from = to - distance;
    const behind = to + length;
    if (distance === 0 || from < start || behind > room) return -1;
    if (length >= LONG_COPY) repeat(target, to, distance, length);
    else if (distance >= 4 && behind + WORDS_ROOM <= room) {
      for (let index = 0; index < length; index += 4)
        targetView.setInt32(to + index, targetView.getInt32(from + index, true), true);
    } else for (let index = 0; index < length; index++) target[to + index] = target[from + index] ?? 0;
    to = behind;
  }
  // A block ends with bytes as they are, never with a match.
  return end === 0 ? to : -1;
};

/**
 * Unpacks the frame that `lz4 -l` and Linux write: blocks behind their sizes, with no end mark. What follows the last whole
 * block is left alone. @returns null where a block makes no sense.
 */
export const unpackLz4Legacy = (bytes: Uint8Array): Uint8Array | null => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const blocks: Uint8Array[] = [];
  for (let at = MAGIC_BYTES; at + 4 <= bytes.length; ) {
    const size = view.getUint32(at, true);
    at += 4;
    if (at + size > bytes.length) break;
    blocks.push(bytes.subarray(at, at + size));
    at += size;
  }
  const target = new Uint8Array(blocks.length * BLOCK_BYTES);
  let end = 0;
  for (const block of blocks) {
    end = unpackBlock(block, target, end);
    if (end < 0) return null;
  }
  return target.subarray(0, end);
};
