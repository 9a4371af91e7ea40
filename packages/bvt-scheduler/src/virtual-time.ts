import { DEFAULT_WEIGHT } from "./parameters.ts";

/**
 * Virtual time is counted in whole units and charged without rounding, so that shares are exact and never drift: what a
 * division by the weight leaves over is kept and added to the next charge.
 */

/** Units that one minimum charging unit (mcu) of running costs at the default weight. */
export const UNITS_PER_MCU = 1024;

/** Work of one mcu, before it is divided by the weight. */
const WORK_PER_MCU: number = UNITS_PER_MCU * DEFAULT_WEIGHT;

/** When the scheduler's virtual time passes this, all times are moved back: far from where numbers stop being exact. */
export const REBASE_AT: number = 2 ** 50;

/** Actual virtual time of one VCPU. */
export interface VirtualTime {
  /** A, in units. */
  units: number;
  /** Work charged that is less than a unit: 0 up to, not including, the weight. */
  remainder: number;
}

/** Charges whole mcu of running. Exact for up to 2^35 mcu at once: 39 days of 100 µs. */
export const chargeMcu = (time: VirtualTime, mcu: number, weight: number): void => {
  const work = mcu * WORK_PER_MCU + time.remainder;
  time.remainder = work % weight;
  time.units += (work - time.remainder) / weight;
};

/** Units that running for some mcu will cost, rounded down. */
export const unitsOfMcu = (mcu: number, weight: number): number => Math.floor((mcu * WORK_PER_MCU) / weight);

/** Whole mcu of running that cost at most `units`. */
export const mcuOfUnits = (units: number, weight: number): number =>
  Math.floor((units * weight) / WORK_PER_MCU);
