import type { ParameterSpec } from "./scheduler.ts";

const problemWith = (spec: ParameterSpec, value: unknown): string | null => {
  if (typeof value !== spec.kind) return `${spec.name}: a ${spec.kind} is wanted`;
  if (typeof value !== "number") return null;
  const { minimum = 0, maximum = Number.MAX_SAFE_INTEGER } = spec;
  if (Number.isInteger(value) && value >= minimum && value <= maximum) return null;
  return `${spec.name}: ${value} is not a whole number from ${minimum} to ${maximum}`;
};

/**
 * Says what is wrong with parameters given by name, or null. Numbers are whole; one without bounds lies between 0 and 2^53.
 * @param policy - name of the policy, for the sentence.
 */
export const parameterProblem = (
  policy: string,
  specs: readonly ParameterSpec[],
  given: Readonly<Record<string, unknown>>,
): string | null => {
  for (const [name, value] of Object.entries(given)) {
    const spec = specs.find((known) => known.name === name);
    const problem =
      spec === undefined ? `${name}: ${policy} has no such parameter` : problemWith(spec, value);
    if (problem !== null) return problem;
  }
  return null;
};
