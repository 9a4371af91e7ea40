import type { SupportFunction } from "../support/support-function.ts";
import { ADD, DIVIDE, MULTIPLY, SUBTRACT } from "./arithmetic.ts";
import { EXTEND_DECIMAL, NARROW_DECIMAL } from "./decimal.ts";
import { EXTEND_DOUBLE, EXTEND_INTEGER, EXTEND_SINGLE } from "./extend.ts";
import { COMPARE, ROUND_TO_INTEGRAL } from "./integral.ts";
import { PROPAGATE_NAN } from "./nan.ts";
import { NARROW_DOUBLE, NARROW_INTEGER, NARROW_SINGLE, ROUND_MAGNITUDE } from "./narrow.ts";
import { NEAREST_REMAINDER, REMAINDER } from "./remainder.ts";
import { ROUND_DOUBLE, ROUND_EXTENDED, ROUND_MANTISSA, ROUND_SINGLE } from "./round.ts";
import { EXTRACT, SCALE } from "./scale.ts";
import { SQUARE_ROOT } from "./square-root.ts";
import { ARCTANGENT } from "./transcendental/arctangent.ts";
import { EXPONENTIAL_FUNCTIONS } from "./transcendental/exponential.ts";
import { LOGARITHMIC } from "./transcendental/logarithm.ts";
import { TRIGONOMETRIC } from "./transcendental/trigonometric.ts";

/** Floating-point operations on values, without registers: see format.ts for how values are passed. */
export const FLOATING_POINT_FUNCTIONS: readonly SupportFunction[] = [
  ROUND_MANTISSA,
  ROUND_EXTENDED,
  ROUND_DOUBLE,
  ROUND_SINGLE,
  PROPAGATE_NAN,
  ADD,
  SUBTRACT,
  MULTIPLY,
  DIVIDE,
  SQUARE_ROOT,
  REMAINDER,
  NEAREST_REMAINDER,
  SCALE,
  EXTRACT,
  ROUND_TO_INTEGRAL,
  COMPARE,
  EXTEND_DOUBLE,
  EXTEND_SINGLE,
  EXTEND_INTEGER,
  EXTEND_DECIMAL,
  NARROW_DOUBLE,
  NARROW_SINGLE,
  NARROW_INTEGER,
  NARROW_DECIMAL,
  ROUND_MAGNITUDE,
  ...TRIGONOMETRIC,
  ...EXPONENTIAL_FUNCTIONS,
  ...LOGARITHMIC,
  ARCTANGENT,
];
