import type { SystemOperations } from "../engine/system-operations.ts";
import { DECIMAL } from "../operations/decimal.ts";
import { FRAME } from "../operations/enter.ts";
import { EXTENDED_STATE } from "../operations/extended-state.ts";
import { MASKED_STORE } from "../operations/masked-store.ts";
import { RANDOM } from "../operations/random.ts";
import { RARE } from "../operations/rare.ts";
import { UNAVAILABLE_UNITS } from "../operations/unavailable-units.ts";
import { WIDE_DIVISION } from "../operations/wide-division.ts";
import { X87_ENVIRONMENT } from "../operations/x87-environment.ts";
import { SYSTEM_OPERATIONS } from "../system/system-operation-table.ts";

/** Every instruction that TypeScript does, by mnemonic. */
export const ALL_OPERATIONS: SystemOperations = new Map([
  ...Object.entries(UNAVAILABLE_UNITS),
  ...Object.entries(MASKED_STORE),
  ...SYSTEM_OPERATIONS,
  ...Object.entries(DECIMAL),
  ...Object.entries(RARE),
  ...Object.entries(RANDOM),
  ...Object.entries(FRAME),
  ...Object.entries(WIDE_DIVISION),
  ...Object.entries(X87_ENVIRONMENT),
  ...Object.entries(EXTENDED_STATE),
]);
