import { arithmetic } from "./arithmetic.ts";
import { bitManipulation } from "./bit-manipulation.ts";
import { bits } from "./bits.ts";
import { compareExchange } from "./compare-exchange.ts";
import { conditional } from "./conditional.ts";
import { control } from "./control.ts";
import { dataMovement } from "./data-movement.ts";
import type { Definition } from "./definition.ts";
import { flagInstructions } from "./flag-instructions.ts";
import { logic } from "./logic.ts";
import { multiplyDivide } from "./multiply-divide.ts";
import { PART, type Part } from "./part.ts";
import { shifts } from "./shifts.ts";
import { stack } from "./stack.ts";
import { strings } from "./strings.ts";
import { system } from "./system.ts";
import { systemFlags } from "./system-flags.ts";
import { floatArithmetic, floatBits } from "./vectors/float-arithmetic.ts";
import { floatComparisons, floatControl } from "./vectors/float-compare.ts";
import { floatConversions } from "./vectors/float-conversions.ts";
import { integerVectors } from "./vectors/integer.ts";
import { vectorMoves } from "./vectors/moves.ts";
import { vectorShuffles } from "./vectors/shuffles.ts";
import { sse4 } from "./vectors/sse4.ts";
import { ssse3 } from "./vectors/ssse3.ts";
import { stringComparisons } from "./vectors/string-comparisons.ts";
import { x87Arithmetic } from "./x87/arithmetic.ts";
import { x87Control, x87Environment } from "./x87/control.ts";
import { x87Transfer } from "./x87/transfer.ts";

const inPart = (part: Part, ...groups: readonly (readonly Definition[])[]): readonly Definition[] =>
  groups.flat().map((definition) => ({ ...definition, part }));

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
  ...bitManipulation,
  ...inPart(PART.system, systemFlags, system, x87Environment, floatControl),
  ...inPart(PART.x87, x87Arithmetic, x87Transfer, x87Control),
  ...inPart(
    PART.vector,
    integerVectors,
    vectorMoves,
    vectorShuffles,
    floatBits,
    ssse3,
    sse4,
    stringComparisons,
  ),
  ...inPart(PART.float, floatArithmetic, floatComparisons, floatConversions),
];
