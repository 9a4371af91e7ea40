/** Bytes of the magic number in front. */
const MAGIC_BYTES = 4;
/** Most bytes that a block holds unpacked, in the legacy frame. [LZ4 "Legacy frame"] */
const BLOCK_BYTES = 8 << 20;
/** A length field of this value goes on in the following bytes. [LZ4 "Block format"] */
const LENGTH_ESCAPE = 15;
const LENGTH_STEP = 255;
const LEAST_MATCH = 4;

/**
 * Unpacks one block into `target` from `at` on. [LZ4 "Block format"]
 * @returns where it ends in `target`, or -1 where the block makes no sense.
 */
const unpackBlock = (source: Uint8Array, target: Uint8Array, at: number): number => {
  let from = 0;
  let to = at;
  const readLength = (start: number): number => {
    let length = start;
    if (start !== LENGTH_ESCAPE) return length;
    for (;;) {
      const step = source[from++];
      if (step === undefined) return Number.POSITIVE_INFINITY;
      length += step;
      if (step !== LENGTH_STEP) return length;
    }
  };
  while (from < source.length) {
    const token = source[from++] ?? 0;
    const literals = readLength(token >>> 4);
    if (!(from + literals <= source.length && to + literals <= target.length)) return -1;
    target.set(source.subarray(from, from + literals), to);
    from += literals;
    to += literals;
    if (from === source.length) return to;
    const distance = (source[from] ?? 0) | ((source[from + 1] ?? 0) << 8);
    from += 2;
    const length = readLength(token & LENGTH_ESCAPE) + LEAST_MATCH;
    if (distance === 0 || to - distance < at || !(to + length <= target.length) || from > source.length)
      return -1;
    // A match may reach into what it writes itself: byte by byte, in order.
    if (distance >= length) target.copyWithin(to, to - distance, to - distance + length);
    else for (let index = 0; index < length; index++) target[to + index] = target[to + index - distance] ?? 0;
    to += length;
  }
  return to;
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
