import { type ParameterSpec, parameterProblem } from "@xenolith/scheduler-interface";

/** What the credit scheduler knows of a domain's wishes. */
export interface CreditParameters {
  /** Share of the pool relative to other domains; all VCPUs of a domain share it. */
  weight: number;
  /** Most that all VCPUs of the domain together may use, in percent of one CPU; 0: no limit. */
  cap: number;
}

/** Weight of a domain that names none. */
export const DEFAULT_WEIGHT = 256;

/** What a VCPU has that asks for nothing. */
export const defaultParameters = (): CreditParameters => ({ weight: DEFAULT_WEIGHT, cap: 0 });

/** Descriptions for tools, with defaults and bounds. */
export const CREDIT_PARAMETERS: readonly ParameterSpec[] = [
  {
    name: "weight",
    description: "share of the processors relative to other domains",
    unit: "",
    kind: "number",
    minimum: 1,
    maximum: 65_535,
    default: DEFAULT_WEIGHT,
  },
  {
    name: "cap",
    description: "most that a domain may use, of one processor; 0: no limit",
    unit: "%",
    kind: "number",
    minimum: 0,
    maximum: 3_200,
    default: 0,
    holdsBack: true,
  },
];

/** Says what is wrong with some parameters given by name, or null: then they are of the types of {@link CreditParameters}. */
export const checkParameters = (parameters: Readonly<Record<string, unknown>>): string | null =>
  parameterProblem("credit", CREDIT_PARAMETERS, parameters);
