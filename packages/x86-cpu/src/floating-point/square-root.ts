import {
  add,
  and,
  compare,
  constant,
  conversion,
  convert,
  type FunctionBody,
  float,
  float1,
  gtU,
  i32,
  i64,
  ltU,
  mul,
  or,
  select,
  shl,
  shrS,
  shrU,
  sub,
  TYPE,
  type Value,
} from "@xenolith/wasm-emitter";
import type { SupportContext, SupportFunction } from "../support/support-function.ts";
import { isNothing, normaliseOperand, returnIfDenormalStops, roundInto, unpacked } from "./arithmetic.ts";
import { anyBit, integerBit, named, product128, returnIndefinite, when } from "./emit.ts";
import { EXPONENT_BIAS, EXPONENT_MAX } from "./format.ts";
import { returnSpecialOperand } from "./integral.ts";

const { i32: I32, i64: I64, f64: F64 } = TYPE;
const double = (value: number): Value => constant(F64, value);

/** No step is larger: adding it makes of rounding towards zero one downwards. */
const STEP_BOUND = 8192;

/**
 * Integer square root of a number of 128 bits that has one of the two highest set.
 * @returns the root, the remainder being left in (high, low): at most twice the root.
 */
const rootOf = (body: FunctionBody, high: Value, low: Value): Value => {
  // Signed conversions of halves: those of unsigned numbers branch, and nothing here needs the last bit.
  const size = float("mul", conversion("f64.convertI64S", shrU(high, 1)), double(2 ** 65));
  const estimate = named(body, float1("sqrt", size));
  // Divided while the square is worked out, of which it is independent.
  const inverse = named(body, float("div", double(0.5), estimate));
  const first = named(body, conversion("i64.truncSatF64U", estimate));
  const square = product128(body, first, first);
  const differenceLow = named(body, sub(low, square.low));
  const differenceHigh = named(body, sub(sub(high, square.high), borrow(low, square.low)));
  const difference = float(
    "add",
    float("mul", conversion("f64.convertI64S", differenceHigh), double(2 ** 64)),
    float("mul", conversion("f64.convertI64S", shrU(differenceLow, 1)), double(2)),
  );
  // One step of Newton's method leaves an error below 1.
  const exact = float("add", float("mul", difference, inverse), double(STEP_BOUND));
  const step = named(body, sub(conversion("i64.truncSatF64S", exact), STEP_BOUND));
  const root = named(body, add(first, step));
  takeStep(body, { high: differenceHigh, low: differenceLow }, step, add(first, root));
  body.set(high, differenceHigh);
  body.set(low, differenceLow);
  // The next square is 2 * root + 1 away: bit 64 of that is always set.
  when(body, compare("ltS", high, 0), () => {
    body.set(root, sub(root, 1));
    const gap = named(body, or(shl(root, 1), 1));
    body.set(low, add(low, gap));
    body.set(high, add(add(high, 1), borrow(low, gap)));
  });
  const next = body.loop();
  const gap = named(body, or(shl(root, 1), 1));
  const reaches = or(compare("gtS", high, 1), and(compare("eq", high, 1), compare("geU", low, gap)));
  when(body, reaches, () => {
    body.set(high, sub(sub(high, 1), borrow(low, gap)));
    body.set(low, sub(low, gap));
    body.set(root, add(root, 1));
    body.branch(next);
  });
  body.end();
  return root;
};

/**
 * Makes of what is left of a square what is left when its root has grown by a step (signed, of few bits): that much times the
 * sum of both roots, of which `sum` is all but bit 64, which is set.
 */
const takeStep = (
  body: FunctionBody,
  rest: { readonly high: Value; readonly low: Value },
  step: Value,
  sum: Value,
): void => {
  const whole = named(body, sum);
  const upper = named(body, add(mul(step, shrU(whole, 32)), shrS(mul(step, and(whole, 0xffff_ffff)), 32)));
  const low = named(body, mul(step, whole));
  const high = add(step, shrS(upper, 32));
  body.set(rest.high, sub(sub(rest.high, high), borrow(rest.low, low)));
  body.set(rest.low, sub(rest.low, low));
};

const borrow = (a: Value, b: Value): Value => convert(ltU(a, b), I64);

/** (mantissa, head, control) -> extended: the square root. [SDM2A-3.3 "FSQRT"] */
export const SQUARE_ROOT: SupportFunction = {
  name: "extended-square-root",
  parameters: [I64, I32, I32],
  results: [I64, I32],
  emit(body: FunctionBody, context: SupportContext): void {
    const [mantissa, head, control] = [0, 1, 2].map((n) => body.parameter(n)) as [Value, Value, Value];
    returnSpecialOperand(body, context, mantissa, head);
    const operand = unpacked(body, mantissa, head);
    const { exponent, sign } = operand;
    when(body, isNothing(operand), () => body.return(mantissa, head));
    when(body, sign, () => returnIndefinite(body));
    when(body, compare("eq", exponent, EXPONENT_MAX), () => body.return(mantissa, head));
    const raised = named(body, i32(0));
    normaliseOperand(body, operand, raised);
    returnIfDenormalStops(body, control, raised);
    body.set(exponent, sub(exponent, EXPONENT_BIAS));
    const isOdd = named(body, and(exponent, 1));
    const high = named(body, select(mantissa, shrU(mantissa, 1), isOdd));
    const low = named(body, select(i64(0), shl(mantissa, 63), isOdd));
    const root = rootOf(body, high, low);
    const isAbove = or(compare("ne", high, 0), gtU(low, root));
    const fraction = named(body, or(select(integerBit, i64(0), isAbove), anyBit(or(high, low))));
    const halved = add(shrS(exponent, 1), EXPONENT_BIAS);
    roundInto(body, context, i32(0), halved, root, fraction, control, raised);
  },
};
