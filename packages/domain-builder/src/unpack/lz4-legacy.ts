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

/**
 * Unpacks one block into `target` from `start` on: one loop over plain variables, because a kernel is tens of megabytes and
 * unpacked by code that has had no time to become quick. [LZ4 "Block format"]
 * @returns where it ends in `target`, or -1 where the block makes no sense.
 */
const unpackBlock = (source: Uint8Array, target: Uint8Array, start: number): number => {
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
    else for (let index = 0; index < literals; index++) target[to + index] = source[at + index] ?? 0;
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
    if (distance === 0 || from < start || to + length > room) return -1;
    // A match may reach into what it writes: then byte by byte, in order.
    if (length >= LONG_COPY && distance >= length) target.copyWithin(to, from, from + length);
    else for (let index = 0; index < length; index++) target[to + index] = target[from + index] ?? 0;
    to += length;
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
