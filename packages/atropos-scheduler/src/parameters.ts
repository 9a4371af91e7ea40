import { type ParameterSpec, parameterProblem } from "@xenolith/scheduler-interface";

/** What Atropos promises a VCPU. */
export interface AtroposParameters {
  /** It gets `sliceNs` of the processor in every `periodNs`. */
  periodNs: number;
  /** Guaranteed time in each period; more than the period counts as the period. 0: no guarantee. */
  sliceNs: number;
  /** How soon after a long sleep it runs at the latest; more than the period counts as the period. */
  latencyNs: number;
  /** Whether it takes part in sharing time that nobody has a claim to. */
  extratime: boolean;
}

const MILLISECOND_NS = 1_000_000;
const SECOND_NS = 1_000 * MILLISECOND_NS;

/** What a VCPU has that asks for nothing: next to no guarantee, and a part of what is left over. */
export const defaultParameters = (): AtroposParameters => ({
  periodNs: 10 * SECOND_NS,
  sliceNs: 10 * MILLISECOND_NS,
  latencyNs: 10 * SECOND_NS,
  extratime: true,
});

const number = (
  name: Exclude<keyof AtroposParameters, "extratime">,
  description: string,
  minimum: number,
): ParameterSpec => ({
  name,
  description,
  unit: "ns",
  kind: "number",
  minimum,
  maximum: 100 * SECOND_NS,
  default: defaultParameters()[name],
});

/** Descriptions for tools, with defaults and bounds. */
export const ATROPOS_PARAMETERS: readonly ParameterSpec[] = [
  number("periodNs", "period in which it gets its slice", MILLISECOND_NS),
  number("sliceNs", "guaranteed time in each period; 0: none", 0),
  number("latencyNs", "how soon after a long sleep it runs at the latest", MILLISECOND_NS),
  {
    name: "extratime",
    description: "whether it shares in time that nobody has a claim to",
    unit: "",
    kind: "boolean",
    default: true,
    holdsBack: true,
  },
];

/** Says what is wrong with some parameters given by name, or null: then they are of the types of {@link AtroposParameters}. */
export const checkParameters = (parameters: Readonly<Record<string, unknown>>): string | null =>
  parameterProblem("Atropos", ATROPOS_PARAMETERS, parameters);
