import { arithmetic } from "./arithmetic.ts";
import { bits } from "./bits.ts";
import { compareExchange } from "./compare-exchange.ts";
import { conditional } from "./conditional.ts";
import { control } from "./control.ts";
import { dataMovement } from "./data-movement.ts";
import type { Definition } from "./definition.ts";
import { flagInstructions } from "./flag-instructions.ts";
import { logic } from "./logic.ts";
import { multiplyDivide } from "./multiply-divide.ts";
import { shifts } from "./shifts.ts";
import { stack } from "./stack.ts";
import { strings } from "./strings.ts";

/** Every instruction that generated code does by itself. */
export const DEFINITIONS: readonly Definition[] = [
  ...arithmetic,
  ...logic,
  ...dataMovement,
  ...shifts,
  ...bits,
  ...multiplyDivide,
  ...conditional,
  ...compareExchange,
  ...stack,
  ...control,
  ...flagInstructions,
  ...strings,
];
