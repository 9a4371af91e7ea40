import type { AtroposParameters } from "./parameters.ts";

/** What a VCPU may still claim: time left before a deadline, at which it gets its slice anew. */
export interface Contract {
  /** End of the present period. */
  deadlineNs: number;
  /** Guaranteed time left in it; negative when it ran beyond. */
  remainNs: number;
  /** Length of the present period: shorter than the natural one for a while after a long sleep. */
  periodNs: number;
  /** Woke with more left than fits before its deadline: that is served after the guarantees of others. */
  deferred: boolean;
}

/** Slice and latency as they count: none is longer than the period. */
const naturalSliceNs = ({ sliceNs, periodNs }: AtroposParameters): number => Math.min(sliceNs, periodNs);

/** Guaranteed time in a period of the present length: the same part of it as of the natural one. */
const sliceOf = ({ periodNs }: Contract, parameters: AtroposParameters): number =>
  Math.floor((naturalSliceNs(parameters) * periodNs) / parameters.periodNs);

/** A VCPU that has not run yet. */
export const createContract = (): Contract => ({
  deadlineNs: Number.NEGATIVE_INFINITY,
  remainNs: 0,
  periodNs: 0,
  deferred: false,
});

/** A period is over: begins the one that `now` lies in. What was not used is forfeited, what was overdrawn is owed. */
export const renew = (contract: Contract, parameters: AtroposParameters, now: number): void => {
  if (contract.deadlineNs > now) return;
  contract.periodNs = Math.min(contract.periodNs * 2, parameters.periodNs);
  const missed = Math.floor((now - contract.deadlineNs) / contract.periodNs);
  contract.deadlineNs += (missed + 1) * contract.periodNs;
  contract.remainNs = Math.min(contract.remainNs, 0) + sliceOf(contract, parameters);
  contract.deferred = false;
};

/**
 * The VCPU has woken. After a long sleep (its period is over) it begins with a period of `latencyNs`, which doubles up to the
 * natural one: a claim that is the same part of the processor, but met soon. After a short one it keeps what it had left;
 * where that does not fit before the deadline without harm to others, it waits behind their guarantees. [NEMESIS 6]
 */
export const wakeContract = (contract: Contract, parameters: AtroposParameters, now: number): void => {
  if (contract.deadlineNs <= now) {
    contract.periodNs = Math.min(parameters.latencyNs, parameters.periodNs);
    contract.deadlineNs = now + contract.periodNs;
    contract.remainNs = Math.min(contract.remainNs, 0) + sliceOf(contract, parameters);
    contract.deferred = false;
    return;
  }
  const fits = (contract.deadlineNs - now) * (naturalSliceNs(parameters) / parameters.periodNs);
  contract.deferred = contract.remainNs > fits;
};

/** The parameters have changed: claims follow from now on, in a new period. */
export const restartContract = (contract: Contract, parameters: AtroposParameters, now: number): void => {
  contract.deadlineNs = now;
  contract.remainNs = 0;
  contract.periodNs = parameters.periodNs;
  renew(contract, parameters, now);
};
