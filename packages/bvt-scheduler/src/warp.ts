import type { BvtParameters } from "./parameters.ts";

/**
 * Warping of one VCPU. It starts when the VCPU wakes and ends when it sleeps or has used up L. Processor time used while
 * warped adds up over several wake-ups; it is forgotten once the VCPU has been unwarped for U on end, so that sleeping
 * briefly does not get round the limit. [BVT 3.3]
 */
export interface Warp {
  active: boolean;
  /** Processor time used warped since the last stretch of U unwarped. */
  usedNs: number;
  /** When it was last unwarped. */
  unwarpedSinceNs: number;
}

/** An unwarped VCPU that has used nothing. */
export const createWarp = (): Warp => ({
  active: false,
  usedNs: 0,
  unwarpedSinceNs: Number.NEGATIVE_INFINITY,
});

/** Processor time it may still use warped. */
export const warpLeftNs = (warp: Warp, parameters: BvtParameters): number =>
  parameters.warpLimitNs === 0 ? Number.POSITIVE_INFINITY : parameters.warpLimitNs - warp.usedNs;

/** The VCPU has woken: warps it when it wants to be and may be. */
export const warpOnWake = (warp: Warp, parameters: BvtParameters, nowNs: number): void => {
  if (warp.active) return;
  if (nowNs - warp.unwarpedSinceNs >= parameters.unwarpRequirementNs) warp.usedNs = 0;
  warp.active = parameters.warp && warpLeftNs(warp, parameters) > 0;
};

/** Ends warping, if it is on. */
export const endWarp = (warp: Warp, nowNs: number): void => {
  if (!warp.active) return;
  warp.active = false;
  warp.unwarpedSinceNs = nowNs;
};

/** The parameters have changed: a warp that is not wanted any more, or has used more than is allowed now, is over. */
export const adjustWarp = (warp: Warp, parameters: BvtParameters): void => {
  if (parameters.warp && warpLeftNs(warp, parameters) > 0) return;
  warp.active = false;
};

/** Accounts for a stretch of running; ends warping when the limit is used up. */
export const chargeWarp = (warp: Warp, parameters: BvtParameters, ranNs: number, nowNs: number): void => {
  if (!warp.active) return;
  warp.usedNs += ranNs;
  if (warpLeftNs(warp, parameters) <= 0) endWarp(warp, nowNs);
};
