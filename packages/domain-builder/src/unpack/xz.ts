import { undoBranchFilter } from "./branch-filter.ts";
import { LzmaDecoder, type LzmaProperties, lzmaProperties } from "./lzma.ts";
import { Output } from "./output.ts";
import { RangeDecoder } from "./range-decoder.ts";

/** Magic number, flags of the stream and their check. */
const STREAM_HEADER_BYTES = 12;
/** The kind of check of each block, in the flags of the stream. */
const CHECK_TYPE_OFFSET = 7;
/** Bytes of a check, by its kind. */
const CHECK_BYTES: readonly number[] = [0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64];
const CHECK_CRC32 = 1;

const FILTER = { x86: 4, lzma2: 0x21 } as const;

/** Numbers of variable length: seven bits a byte, the lowest first, the top bit where more follow. */
const readNumber = (bytes: Uint8Array, at: number): { readonly value: number; readonly next: number } => {
  let value = 0;
  for (let index = 0; index < 9; index++) {
    const byte = bytes[at + index] ?? 0;
    value += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) return { value, next: at + index + 1 };
  }
  return { value: Number.POSITIVE_INFINITY, next: at + 9 };
};

interface BlockHeader {
  /** Where the packed data begin. */
  readonly next: number;
  readonly hasBranchFilter: boolean;
}

/** Reads the header of a block. @returns null for filters that are not known here. */
const readBlockHeader = (bytes: Uint8Array, at: number): BlockHeader | null => {
  const sizeBytes = ((bytes[at] ?? 0) + 1) * 4;
  const flags = bytes[at + 1] ?? 0;
  let from = at + 2;
  if ((flags & 0x40) !== 0) from = readNumber(bytes, from).next;
  if ((flags & 0x80) !== 0) from = readNumber(bytes, from).next;
  const filters: number[] = [];
  for (let count = 0; count <= (flags & 3); count++) {
    const id = readNumber(bytes, from);
    const propertyBytes = readNumber(bytes, id.next);
    filters.push(id.value);
    from = propertyBytes.next + propertyBytes.value;
    if (id.value === FILTER.x86 && propertyBytes.value !== 0) return null;
  }
  const hasBranchFilter = filters[0] === FILTER.x86;
  const isKnown = filters.at(-1) === FILTER.lzma2 && filters.length === (hasBranchFilter ? 2 : 1);
  return isKnown && from <= at + sizeBytes ? { next: at + sizeBytes, hasBranchFilter } : null;
};

/** Unpacks the chunks of LZMA2 from `at` on. @returns where they end, or -1 where they make no sense. */
const unpackChunks = (bytes: Uint8Array, at: number, output: Output): number => {
  let properties: LzmaProperties | null = null;
  let decoder: LzmaDecoder | null = null;
  let dictionaryStart = output.length;
  for (let from = at; from < bytes.length; ) {
    const control = bytes[from] ?? 0;
    if (control === 0) return from + 1;
    if (control === 1 || control >= 0xe0) dictionaryStart = output.length;
    if (control < 0x80) {
      if (control > 2) return -1;
      const size = ((bytes[from + 1] ?? 0) << 8) + (bytes[from + 2] ?? 0) + 1;
      if (from + 3 + size > bytes.length) return -1;
      output.append(bytes.subarray(from + 3, from + 3 + size));
      from += 3 + size;
      continue;
    }
    const unpacked = ((control & 0x1f) << 16) + ((bytes[from + 1] ?? 0) << 8) + (bytes[from + 2] ?? 0) + 1;
    const packed = ((bytes[from + 3] ?? 0) << 8) + (bytes[from + 4] ?? 0) + 1;
    const hasProperties = control >= 0xc0;
    if (hasProperties) properties = lzmaProperties(bytes[from + 5] ?? 0xff);
    const data = from + (hasProperties ? 6 : 5);
    if (properties === null || data + packed > bytes.length) return -1;
    if (control >= 0xa0) decoder = new LzmaDecoder(output, properties, dictionaryStart);
    const range = new RangeDecoder(bytes, data, data + packed);
    if (decoder === null || !decoder.decode(range, output.length + unpacked)) return -1;
    from = data + packed;
  }
  return -1;
};

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_unused, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ ((value & 1) * 0xedb8_8320);
  return value;
});

const crc32 = (bytes: Uint8Array): number => {
  let value = 0xffff_ffff;
  for (const byte of bytes) value = (CRC_TABLE[(value ^ byte) & 0xff] ?? 0) ^ (value >>> 8);
  return ~value >>> 0;
};

/**
 * Unpacks a stream of xz: LZMA2, with the filter for x86 code before it or not. Only CRC32, which kernels are packed with, is
 * compared. @returns null where it makes no sense or asks for filters that are not known here.
 */
export const unpackXz = (bytes: Uint8Array): Uint8Array | null => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const checkType = (bytes[CHECK_TYPE_OFFSET] ?? 0) & 15;
  const output = new Output(bytes.length * 4);
  // A block begins with its size; the index, behind the last one, with 0.
  for (let at = STREAM_HEADER_BYTES; (bytes[at] ?? 0) !== 0; ) {
    const header = readBlockHeader(bytes, at);
    if (header === null) return null;
    const start = output.length;
    const end = unpackChunks(bytes, header.next, output);
    if (end < 0) return null;
    const check = header.next + Math.ceil((end - header.next) / 4) * 4;
    at = check + (CHECK_BYTES[checkType] ?? 0);
    if (at > bytes.length) return null;
    const block = output.from(start);
    if (header.hasBranchFilter) undoBranchFilter(block);
    if (checkType === CHECK_CRC32 && crc32(block) !== view.getUint32(check, true)) return null;
  }
  return output.from(0);
};
