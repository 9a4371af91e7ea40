import { DEFAULT_WEIGHT } from "./parameters.ts";

/**
 * Virtual time is counted in whole units, so that it never drifts: one minimum charging unit (mcu) of running advances a
 * VCPU by {@link advancePerMcu} units, inversely proportional to its weight.
 */

/** Divisible by every number up to 16, so that small weights divide without remainder. */
const DIVISIBLE = 720_720;

/** Units that one mcu costs at the default weight. */
export const UNITS_PER_MCU: number = DIVISIBLE;

/** When the scheduler's virtual time passes this, all times are moved back: far from where numbers stop being exact. */
export const REBASE_AT: number = 2 ** 50;

/** Units by which one mcu of running advances a VCPU of this weight: at least 1. */
export const advancePerMcu = (weight: number): number =>
  Math.max(1, Math.round((DIVISIBLE * DEFAULT_WEIGHT) / weight));
