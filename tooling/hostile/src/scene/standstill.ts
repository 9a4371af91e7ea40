import type { Progress } from "../traffic/progress.ts";
import type { Failures } from "./failures.ts";

/** Tells where an attack has come to a standstill, which would otherwise wait for its end for ever. */
export interface StandstillWatch {
  /** Looks at everything that the attack is made of, after a slice of time. */
  look(parts: readonly Progress[]): void;
}

/** Makes a watch for parts that are unfinished and do not come on in `mostSlices` slices: each of them is a failure. */
export const createStandstillWatch = (failures: Failures, mostSlices: number): StandstillWatch => {
  const seen = new Map<string, { done: number; stillSlices: number }>();
  return {
    look(parts) {
      for (const { what, done, wanted } of parts) {
        const before = seen.get(what);
        const stillSlices = before?.done === done && done < wanted ? before.stillSlices + 1 : 0;
        seen.set(what, { done, stillSlices });
        if (stillSlices === mostSlices)
          failures.add(`${what} do not come on: ${done} of ${wanted} for ${mostSlices} slices of time`);
      }
    },
  };
};
