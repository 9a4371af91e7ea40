import { HostError } from "@xenolith/machine-interface";
import type { Decision, Nanoseconds, Scheduler, VcpuId } from "@xenolith/scheduler-interface";
import { type Contract, createContract, renew, restartContract, wakeContract } from "./contract.ts";
import {
  ATROPOS_PARAMETERS,
  type AtroposParameters,
  checkParameters,
  defaultParameters,
} from "./parameters.ts";

/** Settings of the policy as a whole. */
export interface AtroposOptions {
  /** Turn of a VCPU when time that nobody has a claim to is shared. Default 5 ms. */
  readonly extraQuantumNs?: Nanoseconds;
}

interface Entry {
  readonly id: VcpuId;
  parameters: AtroposParameters;
  readonly contract: Contract;
  runnable: boolean;
  /** Number of its last turn of extra time: who waited longest goes first. */
  extraTurn: number;
}

/** How the VCPU that runs was chosen, and since when. */
interface Current {
  readonly entry: Entry;
  readonly kind: "guaranteed" | "deferred" | "extra";
}

/**
 * Atropos: soft real time by the earliest deadline. [NEMESIS 6]
 *
 * 1. Whoever has guaranteed time left runs, the earliest deadline first.
 * 2. Else whoever woke with time left that came too late for its guarantee runs it.
 * 3. Else those that take extra time run in turn.
 * 4. Else the processor idles, until a period ends.
 *
 * Guarantees hold while all slices together are no more than the periods hold: the sum of slice / period is at most 1. That is
 * for whoever admits VCPUs to see to; beyond it deadlines are missed, but nobody is refused.
 */
export const createAtroposScheduler = (options: AtroposOptions = {}): Scheduler => {
  const { extraQuantumNs = 5_000_000 } = options;
  if (!(extraQuantumNs > 0))
    throw new HostError("bad-scheduler-option", "atropos: a turn of extra time must be above 0");
  const entries = new Map<VcpuId, Entry>();
  let current: Current | null = null;
  let turns = 0;
  let latestNs = 0;

  const entryOf = (id: VcpuId): Entry => {
    const entry = entries.get(id);
    if (entry === undefined) throw new HostError("unknown-vcpu", `atropos: VCPU ${id} has not been admitted`);
    return entry;
  };

  const hasGuarantee = ({ contract }: Entry): boolean => contract.remainNs > 0 && !contract.deferred;

  const charge = (ranNs: number): void => {
    if (current === null || ranNs <= 0) return;
    const { entry, kind } = current;
    if (kind !== "extra") entry.contract.remainNs -= ranNs;
  };

  /** Begins periods that are due. @returns the next end of a period among the runnable ones. */
  const renewAll = (now: number): number => {
    let next = Number.POSITIVE_INFINITY;
    for (const { contract, parameters, runnable } of entries.values()) {
      if (!runnable) continue;
      renew(contract, parameters, now);
      if (parameters.sliceNs > 0) next = Math.min(next, contract.deadlineNs);
    }
    return next;
  };

  const earliest = (wanted: (entry: Entry) => boolean): Entry | null => {
    let first: Entry | null = null;
    for (const entry of entries.values()) {
      if (!entry.runnable || !wanted(entry)) continue;
      if (first === null || entry.contract.deadlineNs < first.contract.deadlineNs) first = entry;
    }
    return first;
  };

  const nextInTurn = (): Entry | null => {
    let first: Entry | null = null;
    for (const entry of entries.values()) {
      if (!entry.runnable || !entry.parameters.extratime) continue;
      if (first === null || entry.extraTurn < first.extraTurn) first = entry;
    }
    return first;
  };

  const pick = (): Current | null => {
    const guaranteed = earliest(hasGuarantee);
    if (guaranteed !== null) return { entry: guaranteed, kind: "guaranteed" };
    const deferred = earliest(({ contract }) => contract.remainNs > 0);
    if (deferred !== null) return { entry: deferred, kind: "deferred" };
    const extra = nextInTurn();
    if (extra === null) return null;
    extra.extraTurn = ++turns;
    return { entry: extra, kind: "extra" };
  };

  return {
    name: "atropos",
    parameters: ATROPOS_PARAMETERS,
    admit(vcpu, given) {
      const problem = entries.has(vcpu) ? `VCPU ${vcpu} is there already` : checkParameters(given);
      if (problem !== null) throw new HostError("bad-vcpu", `atropos: ${problem}`);
      const parameters = { ...defaultParameters(), ...given };
      entries.set(vcpu, {
        id: vcpu,
        parameters,
        contract: createContract(),
        runnable: false,
        extraTurn: turns,
      });
    },
    remove(vcpu) {
      if (current?.entry.id === vcpu) current = null;
      entries.delete(vcpu);
    },
    sleep(vcpu, now) {
      latestNs = Math.max(latestNs, now);
      entryOf(vcpu).runnable = false;
    },
    wake(vcpu, now) {
      latestNs = Math.max(latestNs, now);
      const entry = entryOf(vcpu);
      if (entry.runnable) return Number.POSITIVE_INFINITY;
      entry.runnable = true;
      wakeContract(entry.contract, entry.parameters, now);
      if (current === null || !current.entry.runnable || current.entry === entry) return now;
      if (current.kind === "guaranteed")
        return hasGuarantee(entry) && entry.contract.deadlineNs < current.entry.contract.deadlineNs
          ? now
          : Number.POSITIVE_INFINITY;
      return entry.contract.remainNs > 0 ? now : Number.POSITIVE_INFINITY;
    },
    adjust(vcpu, changes) {
      const problem = checkParameters(changes);
      if (problem !== null) return problem;
      const entry = entryOf(vcpu);
      entry.parameters = { ...entry.parameters, ...changes };
      restartContract(entry.contract, entry.parameters, latestNs);
      return null;
    },
    parametersOf: (vcpu) => ({ ...entryOf(vcpu).parameters }),
    choose(now, ranNs): Decision {
      latestNs = Math.max(latestNs, now);
      charge(ranNs);
      const periodEndNs = renewAll(now);
      current = pick();
      if (current === null) return { vcpu: null, sliceNs: periodEndNs - now };
      const { entry, kind } = current;
      const wholeNs = kind === "extra" ? extraQuantumNs : entry.contract.remainNs;
      return { vcpu: entry.id, sliceNs: Math.min(wholeNs, periodEndNs - now) };
    },
    report(vcpu) {
      const { contract, parameters } = entryOf(vcpu);
      return {
        deadlineNs: contract.deadlineNs,
        remainNs: contract.remainNs,
        periodNs: contract.periodNs,
        deferred: contract.deferred,
        extratime: parameters.extratime,
      };
    },
  };
};
