import type { GuestWidth } from "../width.ts";

const TWO_32 = 0x1_0000_0000;

/** 64-bit little-endian unsigned value as a number; above 2^53 the low bits are lost. */
export const readU64 = (view: DataView, at: number): number =>
  view.getUint32(at + 4, true) * TWO_32 + view.getUint32(at, true);

/** 64-bit little-endian signed value as a number; outside -2^53 to 2^53 the low bits are lost. */
export const readI64 = (view: DataView, at: number): number =>
  view.getInt32(at + 4, true) * TWO_32 + view.getUint32(at, true);

/** Writes an integer of -2^63 to 2^64, negative ones in two's complement; 2^64, to which reading rounds, as all ones. */
export const writeU64 = (view: DataView, at: number, value: number): void => {
  if (value >= TWO_32 * TWO_32) {
    view.setUint32(at, 0xffff_ffff, true);
    view.setUint32(at + 4, 0xffff_ffff, true);
    return;
  }
  view.setUint32(at, value % TWO_32, true);
  view.setUint32(at + 4, Math.floor(value / TWO_32) % TWO_32, true);
};

/** `unsigned long` of a guest. */
export const readLong = (view: DataView, at: number, width: GuestWidth): number =>
  width === "x86_64" ? readU64(view, at) : view.getUint32(at, true);

/** Writes an `unsigned long`; what does not fit is cut off. */
export const writeLong = (view: DataView, at: number, width: GuestWidth, value: number): void => {
  if (width === "x86_64") writeU64(view, at, value);
  else view.setUint32(at, value, true);
};

/** `unsigned long` that holds an address: canonical 64-bit ones come out sign-extended and exact. */
export const readSignedLong = (view: DataView, at: number, width: GuestWidth): number =>
  width === "x86_64" ? readI64(view, at) : view.getUint32(at, true);

/** Writes an address as it was read by {@link readSignedLong}. */
export const writeSignedLong: (view: DataView, at: number, width: GuestWidth, value: number) => void =
  writeLong;
