import { HostError } from "@xenolith/machine-interface";
import {
  type Affinity,
  allowedCpus,
  type CpuId,
  type Decision,
  firstCpuOf,
  type Nanoseconds,
  type Placement,
  type PoolScheduler,
  type Preemption,
  type Scheduler,
  type VcpuId,
} from "@xenolith/scheduler-interface";
import { type Entry, type Group, handOut, refillCaps } from "./accounting.ts";
import {
  CREDIT_PARAMETERS,
  type CreditParameters,
  checkParameters,
  defaultParameters,
} from "./parameters.ts";

/** Settings of the policy as a whole. */
export interface CreditOptions {
  /** Longest stretch a VCPU runs while others wait, and time between two hand-outs of credit. Default 30 ms. */
  readonly sliceNs?: Nanoseconds;
  /** How long a VCPU runs at least before one that wakes interrupts it. Default 1 ms. */
  readonly rateLimitNs?: Nanoseconds;
}

/** Who goes first. `boost`: woke with credit; `under`: has credit; `over`: has none; `parked`: its group's cap is used up. */
const PRIORITY = { boost: 0, under: 1, over: 2, parked: 3 } as const;
type Priority = (typeof PRIORITY)[keyof typeof PRIORITY];

/** How long a boost lasts: Xen takes it away at a tick. */
const BOOST_NS = 10_000_000;

interface Placed extends Entry {
  affinity: Affinity;
  /** CPU whose queue it is in, or ran on last. */
  cpu: CpuId;
  /** CPU that it runs on, or null. */
  runsOn: CpuId | null;
  /** Processor time it may still use boosted. */
  boostNs: number;
  /** Number of its last entry into a queue: among equals the first to come goes first. */
  queued: number;
}

interface Cpu {
  readonly id: CpuId;
  current: Placed | null;
  /** When `current` was chosen. */
  sinceNs: number;
}

/**
 * The credit scheduler over the CPUs of a pool. [CREDIT 2]
 *
 * - Every 30 ms the time of all CPUs is divided by weight among domains; running uses it up.
 * - Whoever has credit left goes before those that have none, in turn among equals, for at most 30 ms.
 * - A VCPU that wakes with credit left is boosted: it goes first, and interrupts others, for 10 ms of running.
 * - A CPU whose own queue holds nothing as good takes a VCPU from another's.
 * - A domain that has used up its cap is parked until the next hand-out.
 */
export const createCreditPool = (cpus: readonly CpuId[], options: CreditOptions = {}): PoolScheduler => {
  const { sliceNs = 30_000_000, rateLimitNs = 1_000_000 } = options;
  if (!(sliceNs > 0) || !(rateLimitNs >= 0) || rateLimitNs > sliceNs)
    throw new HostError(
      "bad-scheduler-option",
      "credit: a slice must be above 0 and no shorter than the rate limit",
    );
  const processors = new Map<CpuId, Cpu>();
  const entries = new Map<VcpuId, Placed>();
  const groups = new Map<number, Group>();
  let nextHandOutNs = 0;
  let entrances = 0;

  const ids = (): CpuId[] => [...processors.keys()].sort((a, b) => a - b);
  const addCpu = (cpu: CpuId): void => {
    if (processors.has(cpu)) throw new HostError("cpu-in-pool", `credit: CPU ${cpu} is in this pool already`);
    processors.set(cpu, { id: cpu, current: null, sinceNs: 0 });
  };
  for (const cpu of cpus) addCpu(cpu);
  if (processors.size === 0) throw new HostError("empty-pool", "credit: a pool has at least one CPU");

  const cpuOf = (id: CpuId): Cpu => {
    const cpu = processors.get(id);
    if (cpu === undefined) throw new HostError("unknown-cpu", `credit: CPU ${id} is not in this pool`);
    return cpu;
  };
  const entryOf = (id: VcpuId): Placed => {
    const entry = entries.get(id);
    if (entry === undefined) throw new HostError("unknown-vcpu", `credit: VCPU ${id} has not been admitted`);
    return entry;
  };

  const priorityOf = (entry: Placed): Priority => {
    const { parameters, capLeftNs } = entry.group;
    if (parameters.cap > 0 && capLeftNs <= 0) return PRIORITY.parked;
    if (entry.creditNs <= 0) return PRIORITY.over;
    return entry.boostNs > 0 ? PRIORITY.boost : PRIORITY.under;
  };
  const mayRunOn = ({ affinity }: Placed, cpu: CpuId): boolean =>
    allowedCpus(ids(), { hard: affinity.hard, soft: null }).includes(cpu);
  const enqueue = (entry: Placed): void => {
    entry.queued = ++entrances;
  };

  const charge = (cpu: Cpu, ranNs: number): void => {
    const entry = cpu.current;
    if (entry === null || ranNs <= 0) return;
    entry.creditNs -= ranNs;
    entry.boostNs = Math.max(0, entry.boostNs - ranNs);
    entry.group.capLeftNs -= ranNs;
    enqueue(entry);
  };

  const accountUntil = (now: number): void => {
    if (now < nextHandOutNs) return;
    handOut(groups.values(), sliceNs * processors.size, sliceNs);
    refillCaps(groups.values(), sliceNs);
    nextHandOutNs = (Math.floor(now / sliceNs) + 1) * sliceNs;
  };

  const isBefore = (entry: Placed, other: Placed): boolean => {
    const difference = priorityOf(entry) - priorityOf(other);
    return difference < 0 || (difference === 0 && entry.queued < other.queued);
  };
  /** The best of those that wait and are wanted. */
  const best = (wanted: (entry: Placed) => boolean): Placed | null => {
    let first: Placed | null = null;
    for (const entry of entries.values()) {
      if (!entry.runnable || entry.runsOn !== null || !wanted(entry)) continue;
      if (priorityOf(entry) === PRIORITY.parked) continue;
      if (first === null || isBefore(entry, first)) first = entry;
    }
    return first;
  };

  /** Its own best one, or a better one that waits at another CPU: one that would rather be here before any other. */
  const pick = (cpu: Cpu): Placed | null => {
    const own = best((entry) => entry.cpu === cpu.id);
    if (own !== null && priorityOf(own) <= PRIORITY.under) return own;
    const isBetter = (entry: Placed): boolean => own === null || priorityOf(entry) < priorityOf(own);
    return (
      best((entry) => allowedCpus(ids(), entry.affinity).includes(cpu.id) && isBetter(entry)) ??
      best((entry) => mayRunOn(entry, cpu.id) && isBetter(entry)) ??
      own
    );
  };

  /** Where a VCPU that wakes is queued: where it ran last if that is idle, else any idle CPU it may have, else where it ran. */
  const placeFor = (entry: Placed): CpuId => {
    // An idle CPU that somebody waits for already will not be idle for the next one.
    const isIdle = (cpu: CpuId): boolean =>
      processors.get(cpu)?.current?.runnable !== true &&
      best((waiting) => waiting !== entry && waiting.cpu === cpu) === null;
    const liked = allowedCpus(ids(), entry.affinity);
    const possible = allowedCpus(ids(), { hard: entry.affinity.hard, soft: null });
    if (liked.includes(entry.cpu) && isIdle(entry.cpu)) return entry.cpu;
    const home = possible.includes(entry.cpu) ? entry.cpu : liked[0];
    return liked.find(isIdle) ?? possible.find(isIdle) ?? home ?? entry.cpu;
  };

  const sliceFor = (entry: Placed, now: number): number => {
    const { group } = entry;
    // What it has left decides when others have waited for their turn; without credit it runs until the next hand-out.
    const creditNs = entry.creditNs > 0 ? Math.max(rateLimitNs, entry.creditNs) : sliceNs;
    const capNs = group.parameters.cap > 0 ? group.capLeftNs : sliceNs;
    const boostNs = entry.boostNs > 0 ? Math.max(rateLimitNs, entry.boostNs) : sliceNs;
    return Math.max(1, Math.min(sliceNs, creditNs, capNs, boostNs, nextHandOutNs - now));
  };

  const groupOf = (id: number, parameters: CreditParameters): Group => {
    const known = groups.get(id);
    if (known !== undefined) return known;
    const capLeftNs = (parameters.cap * sliceNs) / 100;
    const group: Group = { id, parameters, members: new Set(), capLeftNs };
    groups.set(id, group);
    return group;
  };

  return {
    name: "credit",
    parameters: CREDIT_PARAMETERS,
    cpus: ids,
    addCpu,
    removeCpu(id) {
      const cpu = cpuOf(id);
      if (processors.size === 1)
        throw new HostError("empty-pool", `credit: CPU ${id} is the last of its pool`);
      if (cpu.current !== null) cpu.current.runsOn = null;
      processors.delete(id);
      for (const entry of entries.values()) if (entry.cpu === id) entry.cpu = placeFor(entry);
    },
    admit(vcpu, given, { group: groupId, affinity }: Placement) {
      const problem = entries.has(vcpu) ? `VCPU ${vcpu} is there already` : checkParameters(given);
      if (problem !== null) throw new HostError("bad-vcpu", `credit: ${problem}`);
      const group = groupOf(groupId, { ...defaultParameters(), ...given });
      const [first = 0] = allowedCpus(ids(), affinity);
      const entry: Placed = {
        id: vcpu,
        group,
        affinity,
        cpu: first,
        runsOn: null,
        creditNs: 0,
        boostNs: 0,
        runnable: false,
        active: false,
        queued: 0,
      };
      group.members.add(entry);
      entries.set(vcpu, entry);
    },
    remove(vcpu) {
      const entry = entries.get(vcpu);
      if (entry === undefined) return;
      for (const cpu of processors.values()) if (cpu.current === entry) cpu.current = null;
      entry.group.members.delete(entry);
      if (entry.group.members.size === 0) groups.delete(entry.group.id);
      entries.delete(vcpu);
    },
    sleep(vcpu) {
      entryOf(vcpu).runnable = false;
    },
    wake(vcpu, now): Preemption {
      const entry = entryOf(vcpu);
      if (entry.runnable) return { cpu: entry.cpu, atNs: Number.POSITIVE_INFINITY };
      accountUntil(now);
      entry.runnable = true;
      entry.active = true;
      if (entry.runsOn !== null) return { cpu: entry.runsOn, atNs: now };
      if (priorityOf(entry) === PRIORITY.under) entry.boostNs = BOOST_NS;
      enqueue(entry);
      entry.cpu = placeFor(entry);
      const { current, sinceNs } = cpuOf(entry.cpu);
      if (current?.runnable !== true) return { cpu: entry.cpu, atNs: now };
      const interrupts = priorityOf(entry) < priorityOf(current);
      return {
        cpu: entry.cpu,
        atNs: interrupts ? Math.max(now, sinceNs + rateLimitNs) : Number.POSITIVE_INFINITY,
      };
    },
    adjust(vcpu, changes) {
      const problem = checkParameters(changes);
      if (problem !== null) return problem;
      const { group } = entryOf(vcpu);
      group.parameters = { ...group.parameters, ...changes };
      if (changes["cap"] !== undefined) group.capLeftNs = (group.parameters.cap * sliceNs) / 100;
      return null;
    },
    parametersOf: (vcpu) => ({ ...entryOf(vcpu).group.parameters }),
    setAffinity(vcpu, affinity) {
      const entry = entryOf(vcpu);
      entry.affinity = affinity;
      if (entry.runsOn === null && !mayRunOn(entry, entry.cpu)) entry.cpu = placeFor(entry);
    },
    choose(id, now, ranNs): Decision {
      const cpu = cpuOf(id);
      charge(cpu, ranNs);
      if (cpu.current !== null) {
        cpu.current.runsOn = null;
        if (!mayRunOn(cpu.current, id)) cpu.current.cpu = placeFor(cpu.current);
      }
      accountUntil(now);
      const chosen = pick(cpu);
      cpu.current = chosen;
      cpu.sinceNs = now;
      if (chosen === null) {
        // The next hand-out may end somebody's being parked.
        const waits = [...entries.values()].some((entry) => entry.runnable && entry.runsOn === null);
        return { vcpu: null, sliceNs: waits ? nextHandOutNs - now : Number.POSITIVE_INFINITY };
      }
      chosen.runsOn = id;
      chosen.cpu = id;
      return { vcpu: chosen.id, sliceNs: sliceFor(chosen, now) };
    },
    report(vcpu) {
      const entry = entryOf(vcpu);
      const priority = priorityOf(entry);
      return {
        creditNs: entry.creditNs,
        priority,
        boosted: priority === PRIORITY.boost,
        parked: priority === PRIORITY.parked,
        cpu: entry.cpu,
        weight: entry.group.parameters.weight,
        cap: entry.group.parameters.cap,
      };
    },
  };
};

/** The credit scheduler on one CPU, each VCPU a domain of its own. */
export const createCreditScheduler = (options: CreditOptions = {}): Scheduler =>
  firstCpuOf(createCreditPool([0], options));
