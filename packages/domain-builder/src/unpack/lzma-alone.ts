import { LzmaDecoder, lzmaProperties } from "./lzma.ts";
import { Output } from "./output.ts";
import { RangeDecoder } from "./range-decoder.ts";

/** Properties, size of the dictionary, size unpacked (all bits set: an end mark follows), then the stream. */
const HEADER_BYTES = 13;
const SIZE_OFFSET = 5;
const UNKNOWN_SIZE = 0xffff_ffff;
/** No kernel is as large: a stream that goes on so long is not one. */
const MOST_BYTES = 2 ** 30;

/** Unpacks the older form of LZMA, a stream behind a short header. @returns null where it makes no sense. */
export const unpackLzma = (bytes: Uint8Array): Uint8Array | null => {
  if (bytes.length < HEADER_BYTES) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const properties = lzmaProperties(view.getUint8(0));
  if (properties === null) return null;
  const low = view.getUint32(SIZE_OFFSET, true);
  const high = view.getUint32(SIZE_OFFSET + 4, true);
  const isKnown = low !== UNKNOWN_SIZE || high !== UNKNOWN_SIZE;
  if (isKnown && (high !== 0 || low > MOST_BYTES)) return null;
  const output = new Output(isKnown ? Math.min(low, bytes.length * 8) : bytes.length * 4);
  const decoder = new RangeDecoder(bytes, HEADER_BYTES, bytes.length);
  const isWhole = new LzmaDecoder(output, properties, 0).decode(decoder, isKnown ? low : MOST_BYTES);
  return isWhole ? output.from(0) : null;
};
