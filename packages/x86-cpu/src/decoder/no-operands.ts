import type { Operand } from "./instruction.ts";

/**
 * The operands of an instruction without any. A list that has held an object is laid out as one for objects, like those of
 * other instructions; one that has always been empty is laid out for small integers.
 */
export const noOperands = (): Operand[] => {
  const operands: Operand[] = [ANY];
  operands.length = 0;
  return operands;
};

const ANY: Operand = { kind: "relative", distance: 0 };
