import { FLOATING_POINT_FUNCTIONS } from "../floating-point/index.ts";
import { VECTOR_SUPPORT } from "../vector-support/index.ts";
import { X87_FUNCTIONS } from "../x87/index.ts";
import { STRING_FUNCTIONS } from "./strings/index.ts";
import type { SupportFunction } from "./support-function.ts";
import { SYSTEM_FUNCTIONS } from "./system/index.ts";

/** Every support function there is. Generated code imports those it calls. */
export const SUPPORT_FUNCTIONS: readonly SupportFunction[] = [
  ...FLOATING_POINT_FUNCTIONS,
  ...X87_FUNCTIONS,
  ...SYSTEM_FUNCTIONS,
  ...STRING_FUNCTIONS,
  ...VECTOR_SUPPORT,
];
