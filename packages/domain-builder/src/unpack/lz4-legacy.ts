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

/** A block that is read from its beginning to its end. */
class BlockReader {
  readonly bytes: Uint8Array;
  /** Where the next byte lies. Beyond the end: the block has been cut short. */
  at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  byte(): number {
    return this.bytes[this.at++] ?? 0;
  }

  /** A length of which a token has given the first part. [LZ4 "Block format"] */
  length(first: number): number {
    let length = first;
    if (first !== LENGTH_ESCAPE) return length;
    for (;;) {
      if (this.at >= this.bytes.length) return Number.POSITIVE_INFINITY;
      const step = this.byte();
      length += step;
      if (step !== LENGTH_STEP) return length;
    }
  }

  /** Takes bytes as they are. There are so many. */
  take(count: number, target: Uint8Array, to: number): void {
    const { bytes, at } = this;
    if (count >= LONG_COPY) target.set(bytes.subarray(at, at + count), to);
    else for (let index = 0; index < count; index++) target[to + index] = bytes[at + index] ?? 0;
    this.at += count;
  }
}

/** Repeats bytes that lie `distance` before `to`. They may reach into what is written: byte by byte, in order. */
const repeat = (target: Uint8Array, to: number, distance: number, length: number): void => {
  if (length >= LONG_COPY && distance >= length) target.copyWithin(to, to - distance, to - distance + length);
  else for (let index = to; index < to + length; index++) target[index] = target[index - distance] ?? 0;
};

/**
 * Unpacks one block into `target` from `start` on. [LZ4 "Block format"]
 * @returns where it ends in `target`, or -1 where the block makes no sense.
 */
const unpackBlock = (source: Uint8Array, target: Uint8Array, start: number): number => {
  const reader = new BlockReader(source);
  let to = start;
  while (reader.at < source.length) {
    const token = reader.byte();
    const literals = reader.length(token >>> 4);
    if (!(reader.at + literals <= source.length && to + literals <= target.length)) return -1;
    reader.take(literals, target, to);
    to += literals;
    if (reader.at === source.length) return to;
    const distance = reader.byte() | (reader.byte() << 8);
    const length = reader.length(token & LENGTH_ESCAPE) + LEAST_MATCH;
    if (distance === 0 || to - distance < start || !(to + length <= target.length)) return -1;
    if (reader.at > source.length) return -1;
    repeat(target, to, distance, length);
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
