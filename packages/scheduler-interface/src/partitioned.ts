import { type Affinity, allowedCpus, type CpuId, type Placement, type PoolScheduler } from "./pool.ts";
import type { Nanoseconds, Scheduler, VcpuId } from "./scheduler.ts";

interface Placed {
  cpu: CpuId;
  affinity: Affinity;
  awake: boolean;
}

/**
 * A pool of CPUs that each have a scheduler of their own. A VCPU is placed on the allowed CPU with the fewest VCPUs when it is
 * admitted, when its affinity changes and when CPUs come or go; otherwise it stays. What a scheduler knew of a VCPU that moves
 * (its virtual time, its warp) is forgotten.
 * @param create - makes the scheduler of a CPU; all are of one kind.
 * @throws RangeError without a CPU.
 */
export const partitioned = (cpus: readonly CpuId[], create: (cpu: CpuId) => Scheduler): PoolScheduler => {
  const schedulers = new Map<CpuId, Scheduler>();
  const placed = new Map<VcpuId, Placed>();
  const ascending = (): CpuId[] => [...schedulers.keys()].sort((a, b) => a - b);

  const schedulerOf = (cpu: CpuId): Scheduler => {
    const scheduler = schedulers.get(cpu);
    if (scheduler === undefined) throw new RangeError(`CPU ${cpu} is not in this pool`);
    return scheduler;
  };
  const addCpu = (cpu: CpuId): void => {
    if (schedulers.has(cpu)) throw new RangeError(`CPU ${cpu} is in this pool already`);
    schedulers.set(cpu, create(cpu));
  };
  for (const cpu of cpus) addCpu(cpu);
  const [any] = schedulers.values();
  if (any === undefined) throw new RangeError("a pool has at least one CPU");

  /** The scheduler of a VCPU; of a strange one any, which throws. */
  const homeOf = (vcpu: VcpuId): Scheduler => {
    const place = placed.get(vcpu);
    return place === undefined ? any : schedulerOf(place.cpu);
  };
  const population = (cpu: CpuId): number => {
    let count = 0;
    for (const place of placed.values()) if (place.cpu === cpu) count++;
    return count;
  };
  const emptiest = (affinity: Affinity): CpuId =>
    allowedCpus(ascending(), affinity).reduce((best, cpu) =>
      population(cpu) < population(best) ? cpu : best,
    );

  const move = (vcpu: VcpuId, place: Placed, to: CpuId, now: Nanoseconds): void => {
    if (to === place.cpu) return;
    const from = schedulerOf(place.cpu);
    const parameters = from.parametersOf(vcpu);
    from.remove(vcpu);
    place.cpu = to;
    schedulerOf(to).admit(vcpu, parameters);
    if (place.awake) schedulerOf(to).wake(vcpu, now);
  };

  /** Latest time seen: moves are made at it. */
  let latestNs = 0;

  return {
    name: any.name,
    parameters: any.parameters,
    cpus: ascending,
    addCpu(cpu) {
      addCpu(cpu);
      // One VCPU after the other comes over until the new CPU has its part.
      for (const [vcpu, place] of placed) {
        const to = emptiest(place.affinity);
        if (to === cpu && population(cpu) + 1 < population(place.cpu)) move(vcpu, place, cpu, latestNs);
      }
    },
    removeCpu(cpu) {
      const leaving = schedulerOf(cpu);
      if (schedulers.size === 1) throw new RangeError(`CPU ${cpu} is the last of its pool`);
      schedulers.delete(cpu);
      for (const [vcpu, place] of placed) {
        if (place.cpu !== cpu) continue;
        const parameters = leaving.parametersOf(vcpu);
        place.cpu = emptiest(place.affinity);
        schedulerOf(place.cpu).admit(vcpu, parameters);
        if (place.awake) schedulerOf(place.cpu).wake(vcpu, latestNs);
      }
    },
    admit(vcpu, parameters, { affinity }: Placement) {
      const cpu = placed.get(vcpu)?.cpu ?? emptiest(affinity);
      schedulerOf(cpu).admit(vcpu, parameters);
      placed.set(vcpu, { cpu, affinity, awake: false });
    },
    remove(vcpu) {
      homeOf(vcpu).remove(vcpu);
      placed.delete(vcpu);
    },
    sleep(vcpu, now) {
      latestNs = Math.max(latestNs, now);
      homeOf(vcpu).sleep(vcpu, now);
      const place = placed.get(vcpu);
      if (place !== undefined) place.awake = false;
    },
    wake(vcpu, now) {
      latestNs = Math.max(latestNs, now);
      const atNs = homeOf(vcpu).wake(vcpu, now);
      const place = placed.get(vcpu);
      if (place !== undefined) place.awake = true;
      return { cpu: place?.cpu ?? 0, atNs };
    },
    adjust: (vcpu, parameters) => homeOf(vcpu).adjust(vcpu, parameters),
    parametersOf: (vcpu) => homeOf(vcpu).parametersOf(vcpu),
    setAffinity(vcpu, affinity) {
      const place = placed.get(vcpu);
      if (place === undefined) throw new RangeError(`VCPU ${vcpu} has not been admitted`);
      place.affinity = affinity;
      if (!allowedCpus(ascending(), affinity).includes(place.cpu))
        move(vcpu, place, emptiest(affinity), latestNs);
    },
    choose(cpu, now, ranNs) {
      latestNs = Math.max(latestNs, now);
      return schedulerOf(cpu).choose(now, ranNs);
    },
    report: (vcpu) => homeOf(vcpu).report(vcpu),
  };
};
