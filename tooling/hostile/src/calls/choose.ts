import type { World } from "../attacker/world.ts";
import type { Draw } from "../draw.ts";
import type { AttackOperation } from "./build.ts";
import type { Call, Plan } from "./call.ts";
import { mutate } from "./mutate.ts";
import type { Tally } from "./tally.ts";

/** A call to be made, and for what it counts. null: a preparation; `mutated`: it was changed at random. */
export interface ChosenCall {
  readonly call: Call;
  readonly operation: AttackOperation | "mutated" | null;
}

/** Makes up what an attacker does next. */
export interface Chooser {
  next(world: World): readonly ChosenCall[];
  /** The last calls of a life: its end, asked for by the attacker itself. */
  last(world: World): readonly ChosenCall[];
}

/** A rare error that has been seen is tried once in so many times that it is drawn. */
const RARE = 100;

const listOf = (plan: Plan): readonly Call[] =>
  plan === null ? [] : Array.isArray(plan) ? plan : [plan as Call];

const chosen = (plan: Plan, operation: AttackOperation | "mutated"): ChosenCall[] => {
  const calls = listOf(plan);
  return calls.map((call, index) => ({ call, operation: index === calls.length - 1 ? operation : null }));
};

/** Makes the chooser of an attack. It prefers what has not been seen often enough. */
export const createChooser = (
  operations: readonly AttackOperation[],
  tally: Tally,
  draw: Draw,
  wantedSuccesses: number,
): Chooser => {
  const changeable = operations.filter(
    ({ endsDomain, writesLater }) => endsDomain !== true && writesLater !== true,
  );
  const ending = operations.filter(({ endsDomain }) => endsDomain === true);

  const success = (operation: AttackOperation, world: World): Plan =>
    typeof operation.succeeds === "string" || operation.endsDomain === true
      ? null
      : operation.succeeds(world);

  const error = (operation: AttackOperation, world: World): Plan => {
    const outcomes = Object.keys(operation.errors);
    const unseen = outcomes.filter((outcome) => !tally.hasSeen(operation, outcome));
    const wanted = unseen.length > 0 && draw.chance(2) ? unseen : outcomes;
    if (wanted.length === 0) return null;
    const outcome = draw.pick(wanted);
    const errorCase = operation.errors[outcome];
    if (errorCase === undefined) return null;
    if (errorCase.rare === true && tally.hasSeen(operation, outcome) && !draw.chance(RARE)) return null;
    return errorCase.plan(world);
  };

  /** The end of a life is no success to be had now. */
  const lacksMore = (operation: AttackOperation): boolean =>
    operation.endsDomain !== true ||
    Object.keys(operation.errors).some((outcome) => !tally.hasSeen(operation, outcome));

  const chooseOperation = (): AttackOperation => {
    const unfinished = draw.chance(2) ? tally.unfinished(wantedSuccesses).filter(lacksMore) : [];
    return draw.pick(unfinished.length > 0 ? unfinished : operations);
  };

  const directed = (world: World): ChosenCall[] => {
    const operation = chooseOperation();
    const wantsSuccess =
      typeof operation.succeeds !== "string" && operation.endsDomain !== true && !draw.chance(3);
    return chosen(wantsSuccess ? success(operation, world) : error(operation, world), operation);
  };

  const mutation = (world: World): ChosenCall[] => {
    const operation = draw.pick(changeable);
    const plan = listOf(draw.chance(4) ? error(operation, world) : success(operation, world));
    const final = plan.at(-1);
    if (final === undefined || plan.length > 4) return [];
    return chosen([...plan.slice(0, -1), mutate(world, final)], "mutated");
  };

  return {
    next(world) {
      for (;;) {
        world.arena.clear();
        const calls = draw.chance(5) ? mutation(world) : directed(world);
        if (calls.length > 0) return calls;
      }
    },
    last(world) {
      world.arena.clear();
      const [fewest] = [...ending].sort((a, b) => tally.successesOf(a) - tally.successesOf(b));
      return fewest === undefined || typeof fewest.succeeds === "string"
        ? []
        : chosen(fewest.succeeds(world), fewest);
    },
  };
};
