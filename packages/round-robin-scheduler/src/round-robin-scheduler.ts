import { HostError } from "@xenolith/machine-interface";
import {
  type Decision,
  type Nanoseconds,
  parameterProblem,
  type Scheduler,
  type VcpuId,
} from "@xenolith/scheduler-interface";

/** Settings of the policy. */
export interface RoundRobinOptions {
  /** Length of a turn. Default 10 ms. */
  readonly sliceNs?: Nanoseconds;
}

interface Entry {
  readonly id: VcpuId;
  runnable: boolean;
  turns: number;
}

/**
 * Round robin: everybody who is awake in turn. Who has run or wakes goes to the end of the queue, and nobody is interrupted: it
 * is there to compare others with.
 */
export const createRoundRobinScheduler = (options: RoundRobinOptions = {}): Scheduler => {
  const { sliceNs = 10_000_000 } = options;
  if (!(sliceNs > 0)) throw new HostError("bad-scheduler-option", "round robin: a turn must be above 0");
  const entries = new Map<VcpuId, Entry>();
  /** The runnable ones in the order of their turns. */
  const queue: Entry[] = [];
  let current: Entry | null = null;

  const entryOf = (id: VcpuId): Entry => {
    const entry = entries.get(id);
    if (entry === undefined)
      throw new HostError("unknown-vcpu", `round robin: VCPU ${id} has not been admitted`);
    return entry;
  };
  const leaveQueue = (entry: Entry): void => {
    const index = queue.indexOf(entry);
    if (index >= 0) queue.splice(index, 1);
    entry.runnable = false;
  };

  return {
    name: "rrobin",
    parameters: [],
    admit(vcpu, given) {
      const problem = entries.has(vcpu)
        ? `VCPU ${vcpu} is there already`
        : parameterProblem("round robin", [], given);
      if (problem !== null) throw new HostError("bad-vcpu", `round robin: ${problem}`);
      entries.set(vcpu, { id: vcpu, runnable: false, turns: 0 });
    },
    remove(vcpu) {
      const entry = entries.get(vcpu);
      if (entry === undefined) return;
      leaveQueue(entry);
      if (current === entry) current = null;
      entries.delete(vcpu);
    },
    sleep: (vcpu) => leaveQueue(entryOf(vcpu)),
    wake(vcpu, now) {
      const entry = entryOf(vcpu);
      if (entry.runnable) return Number.POSITIVE_INFINITY;
      entry.runnable = true;
      queue.push(entry);
      return current?.runnable === true && entry !== current ? Number.POSITIVE_INFINITY : now;
    },
    adjust: (vcpu, changes) => {
      entryOf(vcpu);
      return parameterProblem("round robin", [], changes);
    },
    parametersOf: (vcpu) => {
      entryOf(vcpu);
      return {};
    },
    choose(_now, ranNs): Decision {
      if (current?.runnable === true && ranNs > 0) {
        leaveQueue(current);
        current.runnable = true;
        queue.push(current);
      }
      current = queue[0] ?? null;
      if (current === null) return { vcpu: null, sliceNs: Number.POSITIVE_INFINITY };
      current.turns++;
      return { vcpu: current.id, sliceNs };
    },
    report: (vcpu) => ({ turns: entryOf(vcpu).turns, place: queue.indexOf(entryOf(vcpu)) }),
  };
};
