import { type ParameterSpec, parameterProblem } from "@xenolith/scheduler-interface";

/** What BVT knows of a VCPU's wishes. */
export interface BvtParameters {
  /** Share of the processor relative to others. */
  weight: number;
  /** Whether waking up warps the VCPU. */
  warp: boolean;
  /** W: how far a warped VCPU goes back in virtual time, in mcu at the default weight. */
  warpMcu: number;
  /** L: processor time it may use warped before it must stay unwarped for U; 0: no limit. */
  warpLimitNs: number;
  /** U: how long it must be unwarped before it may use L again. */
  unwarpRequirementNs: number;
}

/** Weight of a VCPU that names none. */
export const DEFAULT_WEIGHT = 256;

/** Largest weight. */
export const MAXIMUM_WEIGHT = 65_535;

const MILLISECOND_NS = 1_000_000;
const HOUR_NS = 3_600_000 * MILLISECOND_NS;

/** Descriptions for tools, with defaults and bounds. */
export const BVT_PARAMETERS: readonly ParameterSpec[] = [
  {
    name: "weight",
    description: "share of the processor relative to others",
    unit: "",
    kind: "number",
    minimum: 1,
    maximum: MAXIMUM_WEIGHT,
    default: DEFAULT_WEIGHT,
  },
  {
    name: "warp",
    description: "whether waking up warps it, for low latency",
    unit: "",
    kind: "boolean",
    default: false,
  },
  {
    name: "warpMcu",
    description: "how far warping goes back in virtual time",
    unit: "mcu",
    kind: "number",
    minimum: 0,
    maximum: 1_000_000,
    default: 1000,
  },
  {
    name: "warpLimitNs",
    description: "processor time it may use warped; 0: no limit",
    unit: "ns",
    kind: "number",
    minimum: 0,
    maximum: HOUR_NS,
    default: 2000 * MILLISECOND_NS,
  },
  {
    name: "unwarpRequirementNs",
    description: "time it must then be unwarped",
    unit: "ns",
    kind: "number",
    minimum: 0,
    maximum: HOUR_NS,
    default: 1000 * MILLISECOND_NS,
  },
];

/** Says what is wrong with some parameters given by name, or null: then they are of the types of {@link BvtParameters}. */
export const checkParameters = (parameters: Readonly<Record<string, unknown>>): string | null =>
  parameterProblem("BVT", BVT_PARAMETERS, parameters);

/** The defaults of all parameters. */
export const defaultParameters = (): BvtParameters => ({
  weight: DEFAULT_WEIGHT,
  warp: false,
  warpMcu: 1000,
  warpLimitNs: 2000 * MILLISECOND_NS,
  unwarpRequirementNs: 1000 * MILLISECOND_NS,
});
