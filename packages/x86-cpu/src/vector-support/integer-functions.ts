import {
  add,
  and,
  i32,
  i64,
  isZero,
  mul,
  or,
  select,
  shl,
  shrU,
  sub,
  TYPE,
  type Value,
  wrap,
  xor,
} from "@xenolith/wasm-emitter";
import type { SupportFunction } from "../support/support-function.ts";

/** Reflected polynomial 0x11EDC6F41. [SDM2A-3.2 "CRC32"] */
const CASTAGNOLI = 0x82f6_3b78 | 0;

/** (checksum, value, bytes) -> checksum */
export const CRC32C: SupportFunction = {
  name: "crc32c",
  parameters: [TYPE.i32, TYPE.i64, TYPE.i32],
  results: [TYPE.i32],
  emit: (body) => {
    const checksum = body.parameter(0);
    const value = body.parameter(1);
    const bytes = body.parameter(2);
    const again = body.loop();
    body.set(checksum, xor(checksum, and(wrap(value), 0xff)));
    for (let bit = 0; bit < 8; bit++) {
      const odd = select(i32(CASTAGNOLI), i32(0), and(checksum, 1));
      body.set(checksum, xor(shrU(checksum, 1), odd));
    }
    body.set(value, shrU(value, 8));
    body.set(bytes, sub(bytes, 1));
    body.branchIf(again, bytes);
    body.end();
    body.push(checksum);
  },
};

/** A function of a value and a mask that goes over the bits of the mask from the lowest on. */
const overMask = (
  name: string,
  takes: (bit: Value, value: Value, place: Value) => Value,
  gives: boolean,
): SupportFunction => ({
  name,
  parameters: [TYPE.i64, TYPE.i64],
  results: [TYPE.i64],
  emit: (body): void => {
    const value = body.parameter(0);
    const mask = body.parameter(1);
    const bit = body.local(TYPE.i64);
    const place = body.local(TYPE.i64);
    const result = body.local(TYPE.i64);
    body.set(place, i64(1));
    const done = body.block();
    const again = body.loop();
    body.branchIf(done, isZero(mask));
    body.set(bit, and(mask, sub(i64(0), mask)));
    body.if(isZero(isZero(takes(bit, value, place))));
    body.set(result, or(result, gives ? place : bit));
    body.end();
    body.set(place, shl(place, 1));
    body.set(mask, and(mask, sub(mask, 1)));
    body.branch(again);
    body.end();
    body.end();
    body.push(result);
  },
});

/** (value, mask) -> the low bits of the value where the mask has ones. */
export const DEPOSIT_BITS: SupportFunction = overMask(
  "depositBits",
  (_bit, value, place) => and(value, place),
  false,
);

/** (value, mask) -> the bits of the value where the mask has ones, together. */
export const EXTRACT_BITS: SupportFunction = overMask("extractBits", (bit, value) => and(value, bit), true);

/** (a, b) -> upper 64 bits of the unsigned product. */
export const HIGH_PRODUCT: SupportFunction = {
  name: "highProduct",
  parameters: [TYPE.i64, TYPE.i64],
  results: [TYPE.i64],
  emit: (body) => {
    const low = (value: Value): Value => and(value, 0xffff_ffff);
    const high = (value: Value): Value => shrU(value, 32);
    const a = body.parameter(0);
    const b = body.parameter(1);
    const first = body.local(TYPE.i64);
    const second = body.local(TYPE.i64);
    body.set(first, add(mul(high(a), low(b)), high(mul(low(a), low(b)))));
    body.set(second, add(mul(low(a), high(b)), low(first)));
    body.push(add(add(mul(high(a), high(b)), high(first)), high(second)));
  },
};

/** Support functions on general registers. */
export const INTEGER_FUNCTIONS: readonly SupportFunction[] = [
  CRC32C,
  DEPOSIT_BITS,
  EXTRACT_BITS,
  HIGH_PRODUCT,
];
