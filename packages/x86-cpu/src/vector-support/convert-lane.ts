import {
  add,
  and,
  clz,
  convert,
  eq,
  gtU,
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
  wrap,
} from "@xenolith/wasm-emitter";
import type { SupportFunction } from "../support/support-function.ts";
import { LaneCode, LEADING, MXCSR, type Unpacked } from "./lane-format.ts";
import { ROUND_LANE } from "./round-lane.ts";

const { invalid, precision, denormal } = MXCSR;

/** (toDouble, bits) -> (bits, flags): a float in the other format. */
export const RESIZE_LANE: SupportFunction = {
  name: "resizeLane",
  parameters: [TYPE.i32, TYPE.i64],
  results: [TYPE.i64, TYPE.i32],
  emit: (body, context) => {
    const toDouble = body.parameter(0);
    const flags = body.local(TYPE.i32);
    const source = new LaneCode(body, isZero(toDouble), context);
    const target = new LaneCode(body, toDouble, context);
    const a = source.unpack(body.parameter(1));
    source.when(source.isNaN(a), () => {
      const quieted = or(a.fraction, source.quietBit);
      const moved = select(shl(quieted, 29), shrU(quieted, 29), toDouble);
      const signalling = source.flag(source.isSignalling(a), invalid);
      source.return(target.signed(a.sign, or(target.infinity, moved)), signalling);
    });
    source.admit(a, flags);
    source.when(source.isInfinite(a), () => source.return(target.signed(a.sign, target.infinity), flags));
    source.when(source.isZero(a), () => source.return(target.signed(a.sign, i64(0)), flags));
    const { mantissa, exponent } = source.normalise(a);
    const bits = body.local(TYPE.i64);
    const raised = body.local(TYPE.i32);
    const rebiased = add(sub(exponent, source.bias), target.bias);
    body.callInto(context.indexOf(ROUND_LANE), [bits, raised], toDouble, a.sign, rebiased, mantissa);
    body.push(bits, or(flags, raised));
  },
};

/** (isDouble, i64) -> (bits, flags): a signed integer as a float. */
export const FROM_INTEGER_LANE: SupportFunction = {
  name: "fromIntegerLane",
  parameters: [TYPE.i32, TYPE.i64],
  results: [TYPE.i64, TYPE.i32],
  emit: (body, context) => {
    const integer = body.parameter(1);
    const lane = new LaneCode(body, body.parameter(0), context);
    lane.when(isZero(integer), () => lane.return(i64(0), i32(0)));
    const sign = lane.name(ltS(integer, 0));
    const magnitude = lane.name(select(sub(i64(0), integer), integer, sign));
    const zeros = lane.name(wrap(clz(magnitude)));
    const exponent = sub(add(lane.bias, 63), zeros);
    const up = lane.name(sub(zeros, 1));
    const isTop = ltS(magnitude, 0);
    const mantissa = select(shrU(magnitude, 1), shl(magnitude, convert(up, TYPE.i64)), isTop);
    const bits = body.local(TYPE.i64);
    const raised = body.local(TYPE.i32);
    body.callInto(context.indexOf(ROUND_LANE), [bits, raised], lane.isDouble, sign, exponent, mantissa);
    body.push(bits, raised);
  },
};

/** Rounding of a number to an integer below 2^63: the integer, and whether it is not the number. */
const integral = (
  lane: LaneCode,
  a: Unpacked,
  rounding: Value,
): { readonly integer: Value; readonly isInexact: Value } => {
  const { mantissa, exponent } = lane.normalise(a);
  const down = lane.name(sub(i32(LEADING), sub(exponent, lane.bias)));
  const integer = lane.name(mantissa);
  const rest = lane.name(i64(0));
  const by = lane.name(convert(down, TYPE.i64));
  lane.when(ltS(i32(0), down), () => {
    const isShort = ltS(down, 64);
    lane.set(integer, select(shrU(mantissa, by), i64(0), isShort));
    const tiny = convert(ne(mantissa, 0), TYPE.i64);
    lane.set(rest, select(shl(mantissa, sub(i64(64), by)), tiny, isShort));
  });
  const half = i64(-(2n ** 63n));
  const isTie = and(eq(rest, half), wrap(and(integer, 1)));
  const isUpNearest = or(gtU(rest, half), isTie);
  const isUpDirected = and(ne(rest, 0), eq(rounding, select(i32(1), i32(2), a.sign)));
  const isUp = lane.name(select(isUpDirected, isUpNearest, rounding));
  lane.set(integer, add(integer, convert(isUp, TYPE.i64)));
  return { integer, isInexact: lane.name(ne(rest, 0)) };
};

/** Third argument of {@link TO_INTEGER_LANE}: the integer has 64 bits; what is beyond the point is cut off. */
export const TO_INTEGER = { wide: 1, truncate: 2 } as const;

/** (isDouble, bits, {@link TO_INTEGER}) -> (i64, flags): a float as an integer of 32 or 64 bits. */
export const TO_INTEGER_LANE: SupportFunction = {
  name: "toIntegerLane",
  parameters: [TYPE.i32, TYPE.i64, TYPE.i32],
  results: [TYPE.i64, TYPE.i32],
  emit: (body, context) => {
    const lane = new LaneCode(body, body.parameter(0), context);
    const a = lane.unpack(body.parameter(1));
    const isWide = lane.name(and(body.parameter(2), TO_INTEGER.wide));
    const rounding = lane.name(select(i32(3), lane.rounding, and(body.parameter(2), TO_INTEGER.truncate)));
    lane.admit(a, null);
    const lowest = lane.name(select(i64(-(2n ** 63n)), i64(0x8000_0000), isWide));
    const refuse = (): void => lane.return(lowest, i32(invalid));
    const power = lane.name(sub(a.exponent, lane.bias));
    lane.when(ltS(i32(62), power), () => {
      const isLowest = and(and(a.sign, eq(power, 63)), and(isZero(a.fraction), isWide));
      lane.when(isLowest, () => lane.return(lowest, i32(0)));
      refuse();
    });
    const { integer, isInexact } = integral(lane, a, rounding);
    const limit = sub(lowest, convert(isZero(a.sign), TYPE.i64));
    lane.when(gtU(integer, limit), refuse);
    body.push(select(sub(i64(0), integer), integer, a.sign), lane.flag(isInexact, precision));
  },
};

/**
 * (isDouble, bits, control) -> (bits, flags): rounds to an integer that is a float. Bits 1:0 of `control` are the rounding,
 * unless bit 2 says that MXCSR has it; bit 3 keeps the precision flag away. [SDM2B-4.3 "ROUNDPD"]
 */
export const INTEGRAL_LANE: SupportFunction = {
  name: "integralLane",
  parameters: [TYPE.i32, TYPE.i64, TYPE.i32],
  results: [TYPE.i64, TYPE.i32],
  emit: (body, context) => {
    const lane = new LaneCode(body, body.parameter(0), context);
    const a = lane.unpack(body.parameter(1));
    const control = body.parameter(2);
    lane.when(lane.isNaN(a), () =>
      lane.return(or(a.bits, lane.quietBit), lane.flag(lane.isSignalling(a), invalid)),
    );
    lane.admit(a, null);
    const power = sub(a.exponent, lane.bias);
    const isIntegral = or(lane.isZero(a), isZero(ltS(power, lane.fractionBits)));
    lane.when(isIntegral, () => lane.return(a.bits, i32(0)));
    const rounding = lane.name(select(lane.rounding, and(control, 3), and(control, 4)));
    const { integer, isInexact } = integral(lane, a, rounding);
    const flags = lane.flag(and(isInexact, isZero(and(control, 8))), precision);
    const bits = body.local(TYPE.i64);
    const none = body.local(TYPE.i32);
    body.callInto(context.indexOf(FROM_INTEGER_LANE), [bits, none], lane.isDouble, integer);
    body.push(lane.signed(a.sign, bits), flags);
  },
};

/** Flags that arise before anything is computed. */
export const EARLY_FLAGS: number = invalid | denormal | MXCSR.zeroDivide;
