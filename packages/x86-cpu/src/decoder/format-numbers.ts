/** A number that is not negative: decimal below 10, else hexadecimal. */
export const hexadecimal = (value: number | bigint): string =>
  value < 10 ? value.toString() : `0x${value.toString(16)}`;

/** A signed number as an unsigned one of 64 bits. */
export const number64 = (value: number): string => hexadecimal(BigInt.asUintN(64, BigInt(value)));
