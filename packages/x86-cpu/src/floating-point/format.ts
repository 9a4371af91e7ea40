/**
 * How floating-point values are passed between the functions of this directory.
 *
 * **Extended** values (the 80-bit format of x87) are two wasm values: the *mantissa* (i64, integer bit in bit 63) and the
 * *head* (i32): sign in bit 15, biased exponent in bits 14:0. Bits 31:16 of the head of a *result* are the exceptions that it
 * raised, bits of {@link RAISED}, shifted up by {@link RAISED_SHIFT}; heads of operands may carry some already (a load that
 * met a denormal).
 *
 * **Unrounded** values are sign (0 or 0x8000), exponent (i32, biased by {@link EXPONENT_BIAS}, unlimited range), and a mantissa
 * of 128 bits in two i64, normalised: bit 63 of the high one is set. The lowest bit may be sticky: set when anything below it
 * is not zero.
 *
 * **Control** words say how to round, in the form of the x87 control word: masks of exceptions in bits 5:0, precision in bits
 * 9:8, rounding in bits 11:10; and {@link CONTROL.flush}. [SDM1-8.1.5]
 */
export const EXPONENT_BIAS = 16383;

/** Largest exponent field: infinities and what is not a number. */
export const EXPONENT_MAX = 0x7fff;

/** Sign bit of a head. */
export const SIGN = 0x8000;

/** Exceptions and what goes with them, as in the x87 status word. [SDM1-8.1.3] */
export const RAISED = {
  invalid: 1,
  denormal: 2,
  zeroDivide: 4,
  overflow: 8,
  underflow: 0x10,
  precision: 0x20,
  /** The invalid operation was a stack fault. */
  stack: 0x40,
  /** The result was rounded away from zero (C1). */
  up: 0x200,
  /** C2: the argument is out of range, or the reduction is not complete. */
  partial: 0x400,
  /** The other condition codes are given as well: C0 and C3 at their places. */
  codes: 0x1000,
} as const;

/** Exceptions that keep an instruction from having a result when they are not masked. */
export const PREVENTING: number = RAISED.invalid | RAISED.denormal | RAISED.zeroDivide;

/** Position of {@link RAISED} in the head of a result. */
export const RAISED_SHIFT = 16;

/** Bits of a control word. */
export const CONTROL = {
  denormal: 2,
  overflow: 8,
  underflow: 0x10,
  precision: 0x20,
  /** Precision: 0 24 bits, 2 53 bits, 3 64 bits. */
  mantissa: 0x300,
  mantissa53: 0x200,
  mantissa64: 0x300,
  /** Rounding: 0 nearest even, 1 down, 2 up, 3 towards zero. */
  rounding: 0xc00,
  roundDown: 0x400,
  roundUp: 0x800,
  /** Results below the smallest normal number become zero (MXCSR.FTZ). */
  flush: 0x1_0000,
} as const;

/** What an unmasked overflow takes from the exponent of an extended result, and an unmasked underflow adds. [SDM1-8.5.4] */
export const EXPONENT_WRAP = 24576;

/** Integer bit: mantissa of powers of two and of infinities. */
export const INTEGER_BIT: bigint = 1n << 63n;
/** Set in the mantissa of a quiet NaN. */
export const QUIET_BIT: bigint = 1n << 62n;
/** The NaN that invalid operations give. [SDM1-4.8.3.7] */
export const INDEFINITE: { readonly mantissa: bigint; readonly head: number } = {
  mantissa: 3n << 62n,
  head: 0xffff,
};
