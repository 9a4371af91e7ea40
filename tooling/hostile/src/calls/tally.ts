import type { AttackOperation } from "./build.ts";
import { SUCCESS } from "./call.ts";
import { END_OUTCOME, FAULT_OUTCOME } from "./outcome.ts";

/** What one sub-operation has answered so far. */
export interface OperationTally {
  readonly operation: AttackOperation;
  readonly outcomes: ReadonlyMap<string, number>;
  readonly calls: number;
  /** Outcomes that the operation is not supposed to have, with the first call that had each. */
  readonly unlisted: ReadonlyMap<string, string>;
}

/** Counts of all outcomes of an attack. */
export interface Tally {
  /** Calls of all kinds: directed ones, preparations and mutated ones. */
  readonly calls: number;
  /** Calls that were changed at random, by outcome. */
  readonly mutated: ReadonlyMap<string, number>;
  readonly preparations: number;
  readonly operations: readonly OperationTally[];
  count(operation: AttackOperation, outcome: string, description: string): void;
  countMutated(outcome: string): void;
  countPreparation(): void;
  successesOf(operation: AttackOperation): number;
  hasSeen(operation: AttackOperation, outcome: string): boolean;
  /** Operations that have not succeeded `successes` times, or have an error that was not seen. */
  unfinished(successes: number): AttackOperation[];
  /** Outcomes that were seen and are not listed, as sentences. */
  surprises(): string[];
}

interface Entry extends OperationTally {
  readonly outcomes: Map<string, number>;
  readonly unlisted: Map<string, string>;
  calls: number;
}

const add = (counts: Map<string, number>, key: string): void => {
  counts.set(key, (counts.get(key) ?? 0) + 1);
};

/** Whether an operation may have an outcome. Its caller's own fault or end may meet any of them. */
export const isListedOutcome = ({ succeeds, errors }: AttackOperation, outcome: string): boolean =>
  outcome === FAULT_OUTCOME ||
  outcome === END_OUTCOME ||
  (outcome === SUCCESS ? typeof succeeds !== "string" : outcome in errors);

/** Makes the tally of an attack. */
export const createTally = (operations: readonly AttackOperation[]): Tally => {
  const entries = new Map<AttackOperation, Entry>(
    operations.map((operation) => [
      operation,
      { operation, outcomes: new Map(), unlisted: new Map(), calls: 0 },
    ]),
  );
  const mutated = new Map<string, number>();
  let calls = 0;
  let preparations = 0;
  const seen = (operation: AttackOperation, outcome: string): number =>
    entries.get(operation)?.outcomes.get(outcome) ?? 0;
  /** The last answer to what is unfinished, until a count changes that could finish something. */
  let lacking: { readonly successes: number; readonly operations: AttackOperation[] } | null = null;

  const findUnfinished = (successes: number): AttackOperation[] =>
    operations.filter(
      (operation) =>
        (typeof operation.succeeds !== "string" && seen(operation, SUCCESS) < successes) ||
        Object.keys(operation.errors).some((outcome) => seen(operation, outcome) === 0),
    );

  return {
    get calls() {
      return calls;
    },
    mutated,
    get preparations() {
      return preparations;
    },
    operations: [...entries.values()],
    count(operation, outcome, description) {
      const entry = entries.get(operation);
      if (entry === undefined) return;
      calls++;
      entry.calls++;
      const before = entry.outcomes.get(outcome) ?? 0;
      add(entry.outcomes, outcome);
      if (before === 0 || (outcome === SUCCESS && before < (lacking?.successes ?? 0))) lacking = null;
      if (!isListedOutcome(operation, outcome) && !entry.unlisted.has(outcome))
        entry.unlisted.set(outcome, description);
    },
    countMutated(outcome) {
      calls++;
      add(mutated, outcome);
    },
    countPreparation() {
      calls++;
      preparations++;
    },
    successesOf: (operation) => seen(operation, SUCCESS),
    hasSeen: (operation, outcome) => seen(operation, outcome) > 0,
    surprises: () =>
      [...entries.values()].flatMap(({ operation, unlisted }) =>
        [...unlisted].map(
          ([outcome, call]) => `${operation.name} answers ${outcome}, which is not listed: ${call}`,
        ),
      ),
    unfinished(successes) {
      if (lacking?.successes !== successes) lacking = { successes, operations: findUnfinished(successes) };
      return lacking.operations;
    },
  };
};
