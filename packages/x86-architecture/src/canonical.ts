/** First address above the lower canonical half: linear addresses have 48 bits. [SDM1-3.3.7.1] */
const CANONICAL_END = 2 ** 47;

/** Whether an address (signed; rounded where it needs more than 53 bits) is canonical. */
export const isCanonical = (address: number): boolean => address >= -CANONICAL_END && address < CANONICAL_END;

/** Whether all bytes of a range are at canonical addresses. */
export const isCanonicalRange = (address: number, lengthBytes: number): boolean =>
  isCanonical(address) && isCanonical(address + lengthBytes - 1);

/** Whether a 64-bit value, unsigned, is a canonical address. */
export const isCanonicalValue = (value: bigint): boolean =>
  BigInt.asUintN(64, BigInt.asIntN(48, value)) === value;

/** Signed address made of the two words of a 64-bit value. */
export const addressOfWords = (low: number, high: number): number => (high | 0) * 0x1_0000_0000 + (low >>> 0);

/** An address as an unsigned 64-bit value. */
export const valueOfAddress = (address: number): bigint => BigInt.asUintN(64, BigInt(address));

/** A 64-bit value, unsigned, as a signed address; what is not canonical may be rounded and stays so. */
export const addressOfValue = (value: bigint): number => Number(BigInt.asIntN(64, value));
