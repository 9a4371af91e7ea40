import type { SupportFunction } from "../support-function.ts";
import { COPY_ELEMENTS, COPY_ELEMENTS_WIDE, COPY_IN_ORDER } from "./copy-elements.ts";
import { FILL_ELEMENTS, FILL_ELEMENTS_WIDE } from "./fill-elements.ts";

/** Functions that do many iterations of repeated string instructions at once. */
export const STRING_FUNCTIONS: readonly SupportFunction[] = [
  COPY_IN_ORDER,
  COPY_ELEMENTS,
  COPY_ELEMENTS_WIDE,
  FILL_ELEMENTS,
  FILL_ELEMENTS_WIDE,
];
