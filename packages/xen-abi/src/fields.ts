import {
  readI64,
  readLong,
  readSignedLong,
  readU64,
  writeLong,
  writeSignedLong,
  writeU64,
} from "./internal/words.ts";
import type { FieldType } from "./struct.ts";
import { type GuestWidth, longBytes } from "./width.ts";

/**
 * The kinds of field that Xen's structures are made of. All are little-endian.
 *
 * 64-bit values come in three forms: addresses, frame numbers, counts and times are exact numbers up to 2^53 (what is
 * larger loses low bits, and is out of range wherever it is used); what must be given back bit by bit (page-table entries,
 * request ids) is a {@link Word64}; register contents are bigints.
 */

/** 64 bits as two unsigned 32-bit halves. */
export interface Word64 {
  readonly low: number;
  readonly high: number;
}

const scalar = <Value>(
  bytes: number,
  read: (view: DataView, at: number) => Value,
  write: (view: DataView, at: number, value: Value) => void,
): FieldType<Value> => ({
  size: () => bytes,
  alignment: () => bytes,
  read: (view, at) => read(view, at),
  write: (view, at, _width, value) => write(view, at, value),
});

const eightByteAlignment = (width: GuestWidth): number => longBytes(width);

/** `uint8_t` */
export const u8: FieldType<number> = scalar(
  1,
  (view, at) => view.getUint8(at),
  (view, at, value) => view.setUint8(at, value),
);
/** `int8_t` */
export const i8: FieldType<number> = scalar(
  1,
  (view, at) => view.getInt8(at),
  (view, at, value) => view.setInt8(at, value),
);
/** `uint16_t` */
export const u16: FieldType<number> = scalar(
  2,
  (view, at) => view.getUint16(at, true),
  (view, at, value) => view.setUint16(at, value, true),
);
/** `int16_t` */
export const i16: FieldType<number> = scalar(
  2,
  (view, at) => view.getInt16(at, true),
  (view, at, value) => view.setInt16(at, value, true),
);
/** `uint32_t`, `unsigned int` */
export const u32: FieldType<number> = scalar(
  4,
  (view, at) => view.getUint32(at, true),
  (view, at, value) => view.setUint32(at, value, true),
);
/** `int32_t`, `int` */
export const i32: FieldType<number> = scalar(
  4,
  (view, at) => view.getInt32(at, true),
  (view, at, value) => view.setInt32(at, value, true),
);

/** `uint64_t` as an exact number (up to 2^53). */
export const u64: FieldType<number> = {
  size: () => 8,
  alignment: eightByteAlignment,
  read: (view, at) => readU64(view, at),
  write: (view, at, _width, value) => writeU64(view, at, value),
};

/** `uint64_t` that holds a linear address: sign-extended where it is canonical, exact in every width. */
export const i64: FieldType<number> = {
  size: () => 8,
  alignment: eightByteAlignment,
  read: (view, at) => readI64(view, at),
  write: (view, at, _width, value) => writeU64(view, at, value),
};

/** `uint64_t` of which every bit counts. */
export const word64: FieldType<Word64> = {
  size: () => 8,
  alignment: eightByteAlignment,
  read: (view, at) => ({ low: view.getUint32(at, true), high: view.getUint32(at + 4, true) }),
  write: (view, at, _width, value) => {
    view.setUint32(at, value.low, true);
    view.setUint32(at + 4, value.high, true);
  },
};

/** `unsigned long`, `xen_pfn_t`, `xen_ulong_t` as an unsigned number. */
export const ulong: FieldType<number> = {
  size: longBytes,
  alignment: longBytes,
  read: readLong,
  write: writeLong,
};

/** A pointer, a guest handle or an `unsigned long` that holds a linear address: sign-extended on x86_64. */
export const address: FieldType<number> = {
  size: longBytes,
  alignment: longBytes,
  read: readSignedLong,
  write: writeSignedLong,
};

/** `unsigned long` that holds the content of a register. */
export const register: FieldType<bigint> = {
  size: longBytes,
  alignment: longBytes,
  read: (view, at, width) =>
    width === "x86_64" ? view.getBigUint64(at, true) : BigInt(view.getUint32(at, true)),
  write: (view, at, width, value) => {
    if (width === "x86_64") view.setBigUint64(at, BigInt.asUintN(64, value), true);
    else view.setUint32(at, Number(BigInt.asUintN(32, value)), true);
  },
};

/** `uint8_t[length]`, copied out and in. A value that is too short is followed by zeroes. */
export const byteArray = (length: number): FieldType<Uint8Array> => ({
  size: () => length,
  alignment: () => 1,
  read: (view, at) => new Uint8Array(view.buffer, view.byteOffset + at, length).slice(),
  write: (view, at, _width, value) => {
    const target = new Uint8Array(view.buffer, view.byteOffset + at, length);
    target.fill(0);
    target.set(value.subarray(0, length));
  },
});

/**
 * `char[length]` that holds a string of bytes ended by NUL (each character is one byte, U+0000 to U+00FF). A text that is
 * too long is cut, so that the NUL has room.
 */
export const text = (length: number): FieldType<string> => ({
  size: () => length,
  alignment: () => 1,
  read: (view, at) => {
    let value = "";
    for (let index = 0; index < length; index++) {
      const code = view.getUint8(at + index);
      if (code === 0) break;
      value += String.fromCharCode(code);
    }
    return value;
  },
  write: (view, at, _width, value) => {
    for (let index = 0; index < length; index++) {
      view.setUint8(
        at + index,
        index < length - 1 && index < value.length ? value.charCodeAt(index) & 0xff : 0,
      );
    }
  },
});

/** An array of `length` elements. Elements that are missing when writing leave what was there. */
export const array = <Value>(type: FieldType<Value>, length: number): FieldType<readonly Value[]> => ({
  size: (width) => type.size(width) * length,
  alignment: type.alignment,
  read: (view, at, width) =>
    Array.from({ length }, (_unused, index) => type.read(view, at + index * type.size(width), width)),
  write: (view, at, width, value) => {
    value.slice(0, length).forEach((element, index) => {
      type.write(view, at + index * type.size(width), width, element);
    });
  },
});

/** A field followed by padding up to `bytes` in all, which is neither read nor written. */
export const padded = <Value>(
  type: FieldType<Value>,
  bytes: number | ((width: GuestWidth) => number),
): FieldType<Value> => ({ ...type, size: typeof bytes === "number" ? () => bytes : bytes });

/** The same field, seen as another type: a brand for instance. */
export const branded = <Value extends number>(type: FieldType<number>): FieldType<Value> =>
  type as FieldType<number> as FieldType<Value>;
