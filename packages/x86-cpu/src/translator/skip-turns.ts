import {
  add,
  arithmetic,
  compare,
  constant,
  convert,
  type FunctionBody,
  i32,
  isZero,
  ltU,
  mul,
  ne,
  select,
  sub,
  TYPE,
  type Value,
  wrap,
  xor,
} from "@xenolith/wasm-emitter";
import { typeOf } from "../machine/machine.ts";
import type { CountedTurn, TurnCondition } from "./counted-turns.ts";
import type { Sum } from "./turn-sums.ts";

/** What is emitted for turns that are done at once. */
interface Skip {
  readonly body: FunctionBody;
  /** Locals of general registers, of the address type. */
  readonly registers: readonly (Value | undefined)[];
  /** Instructions that may be retired, and how many of them the loop must find left. */
  readonly budget: Value;
  readonly least: number;
}

const registerOf = ({ registers }: Skip, index: number): Value => {
  const value = registers[index];
  if (value === undefined) throw new RangeError(`register ${index} has no local`);
  return value;
};

/** A sum as registers are now, as a number of so many bytes. */
const sumNow = (skip: Skip, { register, plus, isNarrow }: Sum, sizeBytes: number): Value => {
  const type = typeOf(sizeBytes);
  if (register < 0) return constant(type, plus);
  const base = convert(registerOf(skip, register), isNarrow ? TYPE.i32 : type);
  return convert(add(base, plus), type);
};

const signBit = (value: Value): Value =>
  value.type === TYPE.i64 ? constant(TYPE.i64, 1n << 63n) : i32(0x8000_0000 | 0);

/** How far the left side can go in the direction of its steps before a comparison for order comes out otherwise. */
const roomInOrder = (left: Value, right: Value, { comparison, holds, step }: TurnCondition): Value => {
  const isLess = comparison === "ltU" || comparison === "ltS";
  if (holds) {
    if (step < 0) return left;
    return isLess ? sub(sub(right, left), 1) : sub(right, left);
  }
  if (step > 0) return xor(left, -1);
  return isLess ? sub(left, right) : sub(sub(left, right), 1);
};

/** For how many turns, from the one that comes on, a condition is known to come out as it must. */
const turnsOf = (skip: Skip, condition: TurnCondition, most: Value): Value => {
  const { body } = skip;
  const { sizeBytes, comparison, holds, step } = condition;
  const type = typeOf(sizeBytes);
  const left = body.local(type);
  const right = body.local(type);
  const isSigned = comparison === "ltS" || comparison === "leS";
  const placed = (sum: Sum): Value => {
    const value = sumNow(skip, sum, sizeBytes);
    return isSigned ? xor(value, signBit(value)) : value;
  };
  body.set(left, placed(condition.left));
  body.set(right, placed(condition.right));
  const none = constant(most.type, 0);
  const outcome = comparison === "eq" ? "eq" : comparison === "ltU" || comparison === "ltS" ? "ltU" : "leU";
  const now = compare(outcome, left, right);
  const goesOn = holds ? now : isZero(now);
  if (step === 0) return select(most, none, goesOn);
  const room =
    comparison === "eq"
      ? step < 0
        ? sub(left, right)
        : sub(right, left)
      : roomInOrder(left, right, condition);
  const size = Math.abs(step);
  const turns = convert(size === 1 ? room : arithmetic("divU", room, size), most.type);
  return comparison === "eq" ? turns : select(turns, none, goesOn);
};

/** Sets registers to what they hold after a number of turns. */
const makeTurns = (skip: Skip, { instructions, changes }: CountedTurn, turns: Value): void => {
  const { body, budget } = skip;
  for (const { register, sum } of changes) {
    const target = registerOf(skip, register);
    const isStep = sum.register === register;
    const size = target.type === TYPE.i64 && !sum.isNarrow ? 8 : 4;
    const value = isStep
      ? add(convert(target, typeOf(size)), mul(convert(turns, typeOf(size)), sum.plus))
      : sumNow(skip, sum, size);
    body.set(target, convert(value, target.type));
  }
  body.set(budget, sub(budget, mul(wrap(turns), instructions)));
};

/**
 * Emits, at the beginning of a turn, as many turns of a loop that only counts as its conditions and the budget let pass for
 * certain. The last few are left to the loop itself. Null: nothing, as the loop does more than that.
 */
export const emitSkippedTurns = (skip: Skip, turn: CountedTurn | null): void => {
  if (turn === null) return;
  const { body, budget, least, registers } = skip;
  const addressType = registers.find((value) => value !== undefined)?.type ?? TYPE.i32;
  const turns = body.local(addressType);
  const bound = body.local(addressType);
  const affordable = arithmetic("divU", sub(budget, least), turn.instructions);
  body.set(turns, convert(affordable, addressType));
  for (const condition of turn.conditions) {
    body.set(bound, turnsOf(skip, condition, turns));
    body.set(turns, select(bound, turns, ltU(bound, turns)));
  }
  body.if(ne(turns, 0));
  makeTurns(skip, turn, turns);
  body.end();
};
