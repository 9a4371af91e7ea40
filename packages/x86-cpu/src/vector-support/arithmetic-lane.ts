import {
  add,
  and,
  clz,
  compare,
  convert,
  eq,
  gtU,
  i32,
  i64,
  isZero,
  ltS,
  ltU,
  mul,
  ne,
  or,
  select,
  shl,
  shrS,
  shrU,
  sub,
  TYPE,
  type Value,
  wrap,
  xor,
} from "@xenolith/wasm-emitter";
import type { SupportContext, SupportFunction } from "../support/support-function.ts";
import { LaneCode, LEADING, MXCSR, type Normal, type Unpacked } from "./lane-format.ts";
import { ROUND_LANE } from "./round-lane.ts";

/** Operations of {@link ARITHMETIC_LANE}. The comparisons give flags only. */
export const LANE_OPERATION = {
  add: 0,
  sub: 1,
  mul: 2,
  div: 3,
  sqrt: 4,
  min: 5,
  max: 6,
  compareQuietly: 7,
  compare: 8,
} as const;

interface Operands {
  readonly lane: LaneCode;
  readonly context: SupportContext;
  readonly a: Unpacked;
  readonly b: Unpacked;
  readonly flags: Value;
}

const { invalid, zeroDivide } = MXCSR;

const refuse = ({ lane }: Operands): void => lane.return(lane.indefinite, i32(invalid));

/** Rounds, and returns the result with the flags that there are already. */
const finish = ({ lane, context, flags }: Operands, sign: Value, exponent: Value, mantissa: Value): void => {
  const { body } = lane;
  const bits = body.local(TYPE.i64);
  const raised = body.local(TYPE.i32);
  body.callInto(context.indexOf(ROUND_LANE), [bits, raised], lane.isDouble, sign, exponent, mantissa);
  lane.return(bits, or(flags, raised));
};

/** The first operand that is not a number, made quiet. [SDM1-4.8.3.5] */
const answerNaN = ({ lane, a, b }: Operands, operation: Value): void => {
  const isFirst = lane.name(lane.isNaN(a));
  lane.when(or(isFirst, lane.isNaN(b)), () => {
    const signalling = lane.name(lane.flag(or(lane.isSignalling(a), lane.isSignalling(b)), invalid));
    const isChoice = or(eq(operation, LANE_OPERATION.min), eq(operation, LANE_OPERATION.max));
    lane.when(or(isChoice, eq(operation, LANE_OPERATION.compare)), () => {
      lane.admit(b, null);
      lane.return(b.bits, i32(invalid));
    });
    lane.return(or(select(a.bits, b.bits, isFirst), lane.quietBit), signalling);
  });
};

/** Signed magnitude as an integer with the same order; both zeros are 0. */
const ordered = (lane: LaneCode, { sign, bits }: Unpacked): Value => {
  const magnitude = lane.name(and(bits, sub(lane.signBit, 1)));
  return lane.name(select(sub(i64(0), magnitude), magnitude, sign));
};

const choose = ({ lane, a, b, flags }: Operands, isMax: Value): void => {
  const x = ordered(lane, a);
  const y = ordered(lane, b);
  const isFirst = select(compare("gtS", x, y), ltS(x, y), isMax);
  lane.return(select(a.bits, b.bits, isFirst), flags);
};

const addNumbers = (operands: Operands): void => {
  const { lane, a, b, flags } = operands;
  const infinite = lane.name(lane.isInfinite(a));
  const isSame = lane.name(eq(a.sign, b.sign));
  lane.when(or(infinite, lane.isInfinite(b)), () => {
    lane.when(and(and(infinite, lane.isInfinite(b)), isZero(isSame)), () => refuse(operands));
    lane.return(lane.signed(select(a.sign, b.sign, infinite), lane.infinity), flags);
  });
  const x = lane.normalise(a);
  const y = lane.normalise(b);
  const sign = lane.name(a.sign);
  const swap = or(ltS(x.exponent, y.exponent), and(eq(x.exponent, y.exponent), ltU(x.mantissa, y.mantissa)));
  lane.when(swap, () => {
    exchange(lane, x.mantissa, y.mantissa);
    exchange(lane, x.exponent, y.exponent);
    lane.set(sign, b.sign);
  });
  const lower = lane.shiftRight(y.mantissa, sub(x.exponent, y.exponent));
  const sum = lane.name(select(add(x.mantissa, lower), sub(x.mantissa, lower), isSame));
  lane.when(isZero(sum), () => {
    const isDown = eq(lane.rounding, 1);
    lane.return(lane.signed(select(a.sign, isDown, isSame), i64(0)), flags);
  });
  carryDown(lane, sum, x.exponent);
  const up = lane.name(sub(clz(sum), 1));
  finish(operands, sign, sub(x.exponent, wrap(up)), shl(sum, up));
};

const exchange = (lane: LaneCode, a: Value, b: Value): void => {
  const kept = lane.name(a);
  lane.set(a, b);
  lane.set(b, kept);
};

/** Brings a mantissa that has bit 63 set back to 62, with what falls out kept. */
const carryDown = (lane: LaneCode, mantissa: Value, exponent: Value): void =>
  lane.when(ltS(mantissa, 0), () => {
    lane.set(mantissa, or(shrU(mantissa, 1), and(mantissa, 1)));
    lane.set(exponent, add(exponent, 1));
  });

/** Bits 125:62 of the product of two mantissas, with the rest in bit 0. */
const product = (lane: LaneCode, x: Value, y: Value): Value => {
  const low = (value: Value): Value => and(value, 0xffff_ffff);
  const high = (value: Value): Value => shrU(value, 32);
  const lowest = lane.name(mul(low(x), low(y)));
  const first = lane.name(mul(low(x), high(y)));
  const second = lane.name(mul(high(x), low(y)));
  const middle = lane.name(add(add(high(lowest), low(first)), low(second)));
  const below = lane.name(or(shl(middle, 32), low(lowest)));
  const above = add(add(mul(high(x), high(y)), high(first)), add(high(second), high(middle)));
  const rest = convert(ne(shl(below, 2), 0), TYPE.i64);
  return lane.name(or(or(shl(above, 2), shrU(below, 62)), rest));
};

const multiply = (operands: Operands): void => {
  const { lane, a, b, flags } = operands;
  const sign = lane.name(xor(a.sign, b.sign));
  const hasZero = lane.name(or(lane.isZero(a), lane.isZero(b)));
  lane.when(or(lane.isInfinite(a), lane.isInfinite(b)), () => {
    lane.when(hasZero, () => refuse(operands));
    lane.return(lane.signed(sign, lane.infinity), flags);
  });
  lane.when(hasZero, () => lane.return(lane.signed(sign, i64(0)), flags));
  const x = lane.normalise(a);
  const y = lane.normalise(b);
  const mantissa = product(lane, x.mantissa, y.mantissa);
  const exponent = lane.name(sub(add(x.exponent, y.exponent), lane.bias));
  carryDown(lane, mantissa, exponent);
  finish(operands, sign, exponent, mantissa);
};

/** Bits of a quotient or root that are worked out: those of the format and two more. */
const resultBits = (lane: LaneCode): Value => lane.name(add(lane.fractionBits, 2));

const repeat = (lane: LaneCode, count: Value, step: () => void): void => {
  const left = lane.name(count);
  const again = lane.body.loop();
  step();
  lane.set(left, sub(left, 1));
  lane.body.branchIf(again, left);
  lane.body.end();
};

/** A result of `count` bits as a mantissa, with whether there was a rest. */
const aligned = (result: Value, count: Value, rest: Value): Value =>
  or(shl(result, convert(sub(i32(LEADING), count), TYPE.i64)), convert(ne(rest, 0), TYPE.i64));

const divide = (operands: Operands): void => {
  const { lane, a, b, flags } = operands;
  const sign = lane.name(xor(a.sign, b.sign));
  const infinite = lane.name(lane.isInfinite(a));
  const none = lane.name(lane.isZero(a));
  lane.when(or(and(infinite, lane.isInfinite(b)), and(none, lane.isZero(b))), () => refuse(operands));
  lane.when(infinite, () => lane.return(lane.signed(sign, lane.infinity), flags));
  lane.when(lane.isZero(b), () => lane.return(lane.signed(sign, lane.infinity), i32(zeroDivide)));
  lane.when(or(none, lane.isInfinite(b)), () => lane.return(lane.signed(sign, i64(0)), flags));
  const x = lane.normalise(a);
  const y = lane.normalise(b);
  const exponent = lane.name(add(sub(x.exponent, y.exponent), lane.bias));
  lane.when(ltU(x.mantissa, y.mantissa), () => {
    lane.set(x.mantissa, shl(x.mantissa, 1));
    lane.set(exponent, sub(exponent, 1));
  });
  const rest = lane.name(sub(x.mantissa, y.mantissa));
  const quotient = lane.name(i64(1));
  const count = resultBits(lane);
  repeat(lane, count, () => {
    lane.set(rest, shl(rest, 1));
    lane.set(quotient, shl(quotient, 1));
    lane.when(isZero(ltU(rest, y.mantissa)), () => {
      lane.set(rest, sub(rest, y.mantissa));
      lane.set(quotient, or(quotient, 1));
    });
  });
  finish(operands, sign, exponent, aligned(quotient, count, rest));
};

const extractRoot = (operands: Operands): void => {
  const { lane, a, flags } = operands;
  lane.when(lane.isZero(a), () => lane.return(a.bits, flags));
  lane.when(a.sign, () => refuse(operands));
  lane.when(lane.isInfinite(a), () => lane.return(a.bits, flags));
  const x: Normal = lane.normalise(a);
  const power = lane.name(sub(x.exponent, lane.bias));
  const radicand = lane.name(shl(x.mantissa, convert(and(power, 1), TYPE.i64)));
  const rest = lane.name(i64(0));
  const root = lane.name(i64(0));
  const count = resultBits(lane);
  repeat(lane, add(count, 1), () => {
    lane.set(rest, or(shl(rest, 2), shrU(radicand, 62)));
    lane.set(radicand, shl(radicand, 2));
    const trial = lane.name(or(shl(root, 2), 1));
    lane.set(root, shl(root, 1));
    lane.when(isZero(gtU(trial, rest)), () => {
      lane.set(rest, sub(rest, trial));
      lane.set(root, or(root, 1));
    });
  });
  finish(operands, i32(0), add(shrS(power, 1), lane.bias), aligned(root, count, rest));
};

/** (operation, isDouble, a, b) -> (result, flags): one number of an SSE operation, whatever the numbers and MXCSR are. */
export const ARITHMETIC_LANE: SupportFunction = {
  name: "arithmeticLane",
  parameters: [TYPE.i32, TYPE.i32, TYPE.i64, TYPE.i64],
  results: [TYPE.i64, TYPE.i32],
  emit: (body, context) => {
    const operation = body.parameter(0);
    const lane = new LaneCode(body, body.parameter(1), context);
    const flags = body.local(TYPE.i32);
    const a = lane.unpack(body.parameter(2));
    const b = lane.unpack(body.parameter(3));
    const operands: Operands = { lane, context, a, b, flags };
    const is = (name: keyof typeof LANE_OPERATION): Value => eq(operation, LANE_OPERATION[name]);
    answerNaN(operands, operation);
    lane.admit(a, flags);
    lane.admit(b, flags);
    lane.when(isZero(ltS(operation, LANE_OPERATION.compareQuietly)), () => lane.return(i64(0), flags));
    lane.when(isZero(ltS(operation, LANE_OPERATION.min)), () => choose(operands, is("max")));
    lane.when(is("sqrt"), () => extractRoot(operands));
    lane.when(is("mul"), () => multiply(operands));
    lane.when(is("div"), () => divide(operands));
    lane.when(is("sub"), () => lane.set(b.sign, xor(b.sign, 1)));
    addNumbers(operands);
    body.unreachable();
  },
};
