import {
  add,
  and,
  convert,
  eq,
  i32,
  i64,
  isZero,
  ltS,
  ne,
  or,
  select,
  shl,
  shrU,
  sub,
  TYPE,
  type Value,
  xor,
} from "@xenolith/wasm-emitter";
import type { SupportFunction } from "../support/support-function.ts";
import { LaneCode, LEADING, MASK_SHIFT, MXCSR } from "./lane-format.ts";

const UNDERFLOW_MASK = MXCSR.underflow << MASK_SHIFT;
const OVERFLOW_MASK = MXCSR.overflow << MASK_SHIFT;

/**
 * (isDouble, sign, exponent, mantissa) -> (bits, flags): rounds a number whose mantissa has its leading bit at 62 and in bit 0
 * whether there is anything beyond, as MXCSR says. Tininess is found after rounding. [SDM1-4.9.1]
 */
export const ROUND_LANE: SupportFunction = {
  name: "roundLane",
  parameters: [TYPE.i32, TYPE.i32, TYPE.i32, TYPE.i64],
  results: [TYPE.i64, TYPE.i32],
  emit: (body, context) => {
    const sign = body.parameter(1);
    const exponent = body.parameter(2);
    const mantissa = body.parameter(3);
    const lane = new LaneCode(body, body.parameter(0), context);
    const fractionBits = convert(lane.fractionBits, TYPE.i64);
    const spare = lane.name(sub(i64(LEADING), fractionBits));
    const restMask = lane.name(sub(lane.bit(spare), 1));
    const half = lane.name(shrU(lane.bit(spare), 1));
    const rounding = lane.name(lane.rounding);
    const isUp = eq(rounding, select(i32(1), i32(2), sign));
    const increment = lane.name(select(half, select(restMask, i64(0), isUp), isZero(rounding)));
    const rounded = body.local(TYPE.i64);
    const round = (value: Value): void => {
      const isTie = and(isZero(rounding), eq(and(value, restMask), half));
      const raised = and(add(value, increment), xor(restMask, -1));
      body.set(rounded, raised);
      lane.when(isTie, () => body.set(rounded, and(rounded, xor(lane.bit(spare), -1))));
    };
    const isInexact = (value: Value): Value => ne(and(value, restMask), 0);
    const precision = (value: Value): Value => lane.flag(isInexact(value), MXCSR.precision);

    round(mantissa);
    lane.when(ltS(exponent, 1), () => {
      const isTiny = lane.name(or(ne(exponent, 0), isZero(ltS(rounded, 0))));
      lane.when(isTiny, () => {
        lane.when(isZero(lane.isSet(UNDERFLOW_MASK)), () =>
          lane.return(i64(0), or(precision(mantissa), MXCSR.underflow)),
        );
        lane.when(lane.isSet(MXCSR.flushToZero), () =>
          lane.return(lane.signed(sign, i64(0)), i32(MXCSR.underflow | MXCSR.precision)),
        );
      });
      body.set(mantissa, lane.shiftRight(mantissa, sub(i32(1), exponent)));
      round(mantissa);
      const flags = select(
        or(lane.flag(isTiny, MXCSR.underflow), MXCSR.precision),
        i32(0),
        isInexact(mantissa),
      );
      lane.return(lane.signed(sign, shrU(rounded, spare)), flags);
    });
    lane.when(ltS(rounded, 0), () => {
      body.set(rounded, shrU(rounded, 1));
      body.set(exponent, add(exponent, 1));
    });
    lane.when(isZero(ltS(exponent, lane.largestExponent)), () => {
      const isInfinite = or(isZero(rounding), ne(increment, 0));
      const magnitude = select(lane.infinity, sub(lane.infinity, 1), isInfinite);
      const isMasked = lane.isSet(OVERFLOW_MASK);
      const flags = select(i32(MXCSR.precision), precision(mantissa), isMasked);
      lane.return(lane.signed(sign, magnitude), or(flags, MXCSR.overflow));
    });
    const biased = shl(convert(sub(exponent, 1), TYPE.i64), fractionBits);
    body.push(lane.signed(sign, add(biased, shrU(rounded, spare))), precision(mantissa));
  },
};
