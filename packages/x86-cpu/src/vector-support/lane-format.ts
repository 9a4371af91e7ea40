import {
  and,
  clz,
  convert,
  eq,
  type FunctionBody,
  i32,
  i64,
  isZero,
  load,
  ne,
  type Operand,
  or,
  select,
  shl,
  shrU,
  sub,
  TYPE,
  type Value,
  wrap,
} from "@xenolith/wasm-emitter";
import { STATE } from "../state/layout.ts";
import type { SupportContext } from "../support/support-function.ts";

/** Exception flags of MXCSR; their masks are 7 bits higher. [SDM1-10.2.3] */
export const MXCSR = {
  invalid: 1,
  denormal: 2,
  zeroDivide: 4,
  overflow: 8,
  underflow: 0x10,
  precision: 0x20,
  denormalsAreZero: 0x40,
  flushToZero: 0x8000,
} as const;

/** Bits from a flag of MXCSR to its mask. */
export const MASK_SHIFT = 7;
/** Position of the rounding mode in MXCSR. */
const ROUNDING_SHIFT = 13;

/** Position of the leading bit of a mantissa that is worked with; what is below the format's bits is for rounding. */
export const LEADING = 62;

/** Code that works on one number of either format: `isDouble` (i32) says which. Bits of a float are the low word of an i64. */
export class LaneCode {
  readonly body: FunctionBody;
  readonly isDouble: Value;
  readonly mxcsr: Value;
  /** Bits of the fraction, 52 or 23; largest exponent, 2047 or 255. */
  readonly fractionBits: Value;
  readonly largestExponent: Value;

  constructor(body: FunctionBody, isDouble: Value, { state }: SupportContext) {
    this.body = body;
    this.isDouble = isDouble;
    this.mxcsr = this.name(load(TYPE.i32, 4, false, i32(state), STATE.mxcsr));
    this.fractionBits = this.name(select(i32(52), i32(23), isDouble));
    this.largestExponent = this.name(select(i32(2047), i32(255), isDouble));
  }

  /** Computes a value now. */
  name(value: Value): Value {
    const target = this.body.local(value.type);
    this.body.set(target, value);
    return target;
  }

  when(condition: Value, then: () => void, otherwise?: () => void): void {
    this.body.if(condition);
    then();
    if (otherwise !== undefined) {
      this.body.else();
      otherwise();
    }
    this.body.end();
  }

  set(target: Value, value: Value): void {
    this.body.set(target, value);
  }

  return(...values: readonly Value[]): void {
    this.body.return(...values);
  }

  get bias(): Value {
    return shrU(this.largestExponent, 1);
  }

  /** i64 with one bit set. */
  bit(position: Operand): Value {
    return shl(i64(1), typeof position === "number" ? i64(position) : convert(position, TYPE.i64));
  }

  get signBit(): Value {
    return select(i64(-(2n ** 63n)), i64(0x8000_0000), this.isDouble);
  }

  get quietBit(): Value {
    return select(i64(2n ** 51n), i64(0x40_0000), this.isDouble);
  }

  get infinity(): Value {
    return select(i64(0x7ff0_0000_0000_0000n), i64(0x7f80_0000), this.isDouble);
  }

  /** What invalid operations give. */
  get indefinite(): Value {
    return select(i64(0xfff8_0000_0000_0000n), i64(0xffc0_0000), this.isDouble);
  }

  get fractionMask(): Value {
    return select(i64(2n ** 52n - 1n), i64(0x7f_ffff), this.isDouble);
  }

  /** A sign (i32) where the format has it. */
  signed(sign: Value, magnitude: Value): Value {
    return or(select(this.signBit, i64(0), sign), magnitude);
  }

  flag(condition: Value, flag: number): Value {
    return select(i32(flag), i32(0), condition);
  }

  isSet(bit: number): Value {
    return and(this.mxcsr, bit);
  }

  /** 0 to nearest, 1 down, 2 up, 3 to zero. */
  get rounding(): Value {
    return and(shrU(this.mxcsr, ROUNDING_SHIFT), 3);
  }

  /** Takes a number apart. */
  unpack(bits: Value): Unpacked {
    const width = convert(this.fractionBits, TYPE.i64);
    return {
      bits,
      sign: this.name(ne(and(bits, this.signBit), 0)),
      exponent: this.name(and(wrap(shrU(bits, width)), this.largestExponent)),
      fraction: this.name(and(bits, this.fractionMask)),
    };
  }

  isNaN({ exponent, fraction }: Unpacked): Value {
    return and(eq(exponent, this.largestExponent), ne(fraction, 0));
  }

  isSignalling(number: Unpacked): Value {
    return and(this.isNaN(number), isZero(and(number.fraction, this.quietBit)));
  }

  isInfinite({ exponent, fraction }: Unpacked): Value {
    return and(eq(exponent, this.largestExponent), isZero(fraction));
  }

  isZero({ exponent, fraction }: Unpacked): Value {
    return and(isZero(exponent), isZero(fraction));
  }

  isDenormal({ exponent, fraction }: Unpacked): Value {
    return and(isZero(exponent), ne(fraction, 0));
  }

  /** Denormals count as zeros with DAZ. Else they add to `flags`, if given. */
  admit(number: Unpacked, flags: Value | null): void {
    this.when(this.isDenormal(number), () =>
      this.when(
        this.isSet(MXCSR.denormalsAreZero),
        () => {
          this.set(number.fraction, i64(0));
          this.set(number.bits, this.signed(number.sign, i64(0)));
        },
        () => {
          if (flags !== null) this.set(flags, or(flags, MXCSR.denormal));
        },
      ),
    );
  }

  /** Mantissa with its leading bit at {@link LEADING} (0 for zero), and the exponent that goes with it. */
  normalise({ exponent, fraction }: Unpacked): Normal {
    const hidden = this.bit(this.fractionBits);
    const raw = this.name(select(or(fraction, hidden), fraction, exponent));
    const up = this.name(sub(wrap(clz(raw)), 1));
    return {
      mantissa: this.name(shl(raw, convert(up, TYPE.i64))),
      exponent: this.name(
        sub(select(exponent, i32(1), exponent), sub(up, sub(i32(LEADING), this.fractionBits))),
      ),
    };
  }

  /** A mantissa shifted right by a count (i32, any size) with what falls out kept in bit 0. */
  shiftRight(mantissa: Value, count: Value): Value {
    const by = this.name(convert(count, TYPE.i64));
    const shifted = this.name(shrU(mantissa, by));
    const isExact = eq(shl(shifted, by), mantissa);
    const kept = or(shifted, convert(isZero(isExact), TYPE.i64));
    return this.name(select(convert(ne(mantissa, 0), TYPE.i64), kept, gtCount(count)));
  }
}

const gtCount = (count: Value): Value => shrU(sub(i32(LEADING + 1), count), 31);

/** A number in its parts. `bits`, `fraction`: locals. */
export interface Unpacked {
  readonly bits: Value;
  readonly sign: Value;
  readonly exponent: Value;
  readonly fraction: Value;
}

/** A mantissa and its biased exponent, as locals. */
export interface Normal {
  readonly mantissa: Value;
  readonly exponent: Value;
}
