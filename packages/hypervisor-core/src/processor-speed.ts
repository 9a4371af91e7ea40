import { type Clock, HostError } from "@xenolith/machine-interface";

/** Turns time into instructions and back, for the processor loop. */
export interface ProcessorSpeed {
  /** Time that one instruction takes, in nanoseconds. Under a real clock as measured. */
  readonly instructionNs: number;
  /** Instructions to run for a time. */
  budget(forNs: number): number;
  /** Nanoseconds of a TypeScript kernel to run for a time. */
  timeBudget(forNs: number): number;
  /** Time that a run of so many instructions took, which began at a point of system time. */
  elapsed(startNs: number, retired: number): number;
  /** Time that a TypeScript kernel took which charged so many nanoseconds. */
  elapsedTime(startNs: number, chargedNs: number): number;
  /** Time to account for work of the monitor of a modelled cost. */
  charged(costNs: number): number;
  /** The instructions that take as long; null where it is no whole number of them. */
  instructionsFor(costNs: number): number | null;
  /** The time-stamp counter after so many instructions of a run. */
  timestamp(startNs: number, retired: number): number;
}

/** Longest run, so that a budget is always a number the engine can count to. */
const MAXIMUM_BUDGET = 0x4000_0000;

/** Under a virtual clock an instruction takes a fixed time, and nothing else does but what is charged. */
export const createVirtualSpeed = (instructionNs: number): ProcessorSpeed => {
  if (!Number.isSafeInteger(instructionNs) || instructionNs < 1)
    throw new HostError(
      "instruction-time",
      `an instruction takes a whole number of nanoseconds, not ${instructionNs}`,
    );
  return {
    instructionNs,
    budget: (forNs) => Math.min(MAXIMUM_BUDGET, Math.floor(forNs / instructionNs)),
    timeBudget: (forNs) => Math.min(MAXIMUM_BUDGET, forNs),
    elapsed: (_startNs, retired) => retired * instructionNs,
    elapsedTime: (_startNs, chargedNs) => chargedNs,
    charged: (costNs) => costNs,
    instructionsFor: (costNs) => (costNs % instructionNs === 0 ? costNs / instructionNs : null),
    timestamp: (startNs, retired) => startNs + retired * instructionNs,
  };
};

/** Longest run under a real clock: what comes from outside waits no longer than about this. */
const REAL_RUN_NS = 2_000_000;
const REAL_MINIMUM_BUDGET = 1000;
/** Speed assumed before anything has been measured, in instructions per nanosecond. */
const INITIAL_SPEED = 0.1;
/** Weight of a new measurement. */
const SMOOTHING = 0.2;
/** Runs shorter than this say too little about speed. */
const MEASURABLE_RETIRED = 10_000;

/** Faster than this, in instructions per nanosecond, no guest runs: turns of a loop that only counts were done at once. */
const MOST_SPEED = 16;

/** Under a real clock time passes by itself; budgets follow the speed that was measured. */
export const createRealSpeed = (clock: Clock): ProcessorSpeed => {
  let instructionsPerNs = INITIAL_SPEED;

  const measure = (startNs: number, retired: number): number => {
    const elapsedNs = Math.max(0, clock.now() - startNs);
    const isMeasured = retired >= MEASURABLE_RETIRED && retired <= MOST_SPEED * elapsedNs;
    if (isMeasured) instructionsPerNs += SMOOTHING * (retired / elapsedNs - instructionsPerNs);
    return elapsedNs;
  };

  return {
    get instructionNs() {
      return 1 / instructionsPerNs;
    },
    budget: (forNs) =>
      Math.max(REAL_MINIMUM_BUDGET, Math.floor(Math.min(forNs, REAL_RUN_NS) * instructionsPerNs)),
    timeBudget: (forNs) => Math.min(forNs, REAL_RUN_NS),
    elapsed: measure,
    elapsedTime: (startNs) => Math.max(0, clock.now() - startNs),
    // The wall has accounted for it.
    charged: () => 0,
    instructionsFor: () => 0,
    timestamp: () => clock.now(),
  };
};
