import type { SupportFunction } from "../support/support-function.ts";
import { ARITHMETIC_LANE } from "./arithmetic-lane.ts";
import { FROM_INTEGER_LANE, INTEGRAL_LANE, RESIZE_LANE, TO_INTEGER_LANE } from "./convert-lane.ts";
import { VECTOR_FLOAT_FUNCTIONS } from "./packed.ts";
import { ROUND_LANE } from "./round-lane.ts";
import { COMPARE_STRINGS } from "./string-comparison.ts";

/** Support functions of SSE. */
export const VECTOR_SUPPORT: readonly SupportFunction[] = [
  ROUND_LANE,
  ARITHMETIC_LANE,
  RESIZE_LANE,
  FROM_INTEGER_LANE,
  TO_INTEGER_LANE,
  INTEGRAL_LANE,
  ...VECTOR_FLOAT_FUNCTIONS,
  COMPARE_STRINGS,
];
