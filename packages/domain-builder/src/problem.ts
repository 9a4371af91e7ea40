/** Why a domain cannot be built from what was given: half a sentence for people, naming what and where. */
export interface BuildProblem {
  readonly kind: "problem";
  readonly message: string;
}

/** Makes a {@link BuildProblem}. */
export const buildProblem = (message: string): BuildProblem => ({ kind: "problem", message });
