import type { Decision, Nanoseconds, ParameterSpec, Scheduler, VcpuId, VcpuReport } from "./scheduler.ts";

/** Number of a physical CPU, unique in the host. */
export type CpuId = number;

/** Where a VCPU may run (`hard`) and where it would rather (`soft`). null: anywhere. CPUs outside its pool do not count. */
export interface Affinity {
  readonly hard: readonly CpuId[] | null;
  readonly soft: readonly CpuId[] | null;
}

/** A VCPU that may run anywhere. */
export const ANYWHERE: Affinity = { hard: null, soft: null };

/** Which CPU ought to choose again, and when: Infinity when nothing changes. */
export interface Preemption {
  readonly cpu: CpuId;
  readonly atNs: Nanoseconds;
}

/** What a VCPU is admitted with beside its parameters. */
export interface Placement {
  /** VCPUs of one group, a domain, share what the policy gives to groups. */
  readonly group: number;
  readonly affinity: Affinity;
}

/**
 * One policy over the CPUs of a pool. It is a {@link Scheduler} with a CPU in `choose`: it decides where a VCPU runs. A VCPU
 * is chosen by one CPU at a time: the one that chose it last has to be asked again before another may have it.
 *
 * Changes of CPUs and affinity take effect with the next `choose`; who makes them asks every CPU again.
 */
export interface PoolScheduler {
  readonly name: string;
  readonly parameters: readonly ParameterSpec[];
  /** CPUs of the pool in ascending order. */
  cpus(): readonly CpuId[];
  /** Adds a CPU. @throws HostError when it is there. */
  addCpu(cpu: CpuId): void;
  /** Takes a CPU out, which runs nothing. VCPUs placed there go elsewhere. @throws HostError for the last one. */
  removeCpu(cpu: CpuId): void;
  /** Adds a sleeping VCPU. @throws HostError when the number is in use or a parameter is out of range. */
  admit(vcpu: VcpuId, parameters: Readonly<Record<string, number | boolean>>, placement: Placement): void;
  remove(vcpu: VcpuId): void;
  sleep(vcpu: VcpuId, now: Nanoseconds): void;
  wake(vcpu: VcpuId, now: Nanoseconds): Preemption;
  adjust(vcpu: VcpuId, parameters: Readonly<Record<string, number | boolean>>): string | null;
  parametersOf(vcpu: VcpuId): Readonly<Record<string, number | boolean>>;
  setAffinity(vcpu: VcpuId, affinity: Affinity): void;
  choose(cpu: CpuId, now: Nanoseconds, ranNs: Nanoseconds): Decision;
  report(vcpu: VcpuId): VcpuReport;
}

/** The CPUs of `cpus` that an affinity allows: the soft ones where there are any, else the hard ones, else all. */
export const allowedCpus = (cpus: readonly CpuId[], affinity: Affinity): readonly CpuId[] => {
  const hard = affinity.hard === null ? cpus : cpus.filter((cpu) => affinity.hard?.includes(cpu));
  const possible = hard.length === 0 ? cpus : hard;
  const soft = affinity.soft === null ? possible : possible.filter((cpu) => affinity.soft?.includes(cpu));
  return soft.length === 0 ? possible : soft;
};

/** A pool of one CPU, number 0, under a policy for one CPU. */
export const onOneCpu = (scheduler: Scheduler): PoolScheduler => ({
  ...scheduler,
  cpus: () => [0],
  addCpu() {
    throw new RangeError(`${scheduler.name}: this pool has one CPU`);
  },
  removeCpu() {
    throw new RangeError(`${scheduler.name}: this pool has one CPU`);
  },
  admit: (vcpu, parameters) => scheduler.admit(vcpu, parameters),
  wake: (vcpu, now) => ({ cpu: 0, atNs: scheduler.wake(vcpu, now) }),
  setAffinity: () => {},
  choose: (_cpu, now, ranNs) => scheduler.choose(now, ranNs),
});

/** The first CPU of a pool as a scheduler of its own, for tests of policies. Each VCPU is a group of its own. */
export const firstCpuOf = (pool: PoolScheduler): Scheduler => ({
  name: pool.name,
  parameters: pool.parameters,
  admit: (vcpu, parameters) =>
    pool.admit(vcpu, parameters as Record<string, number | boolean>, { group: vcpu, affinity: ANYWHERE }),
  remove: pool.remove,
  sleep: pool.sleep,
  wake: (vcpu, now) => pool.wake(vcpu, now).atNs,
  adjust: (vcpu, parameters) => pool.adjust(vcpu, parameters as Record<string, number | boolean>),
  parametersOf: pool.parametersOf,
  choose: (now, ranNs) => pool.choose(pool.cpus()[0] ?? 0, now, ranNs),
  report: pool.report,
});
