import { HostError } from "@xenolith/machine-interface";
import type { CpuId, PoolScheduler } from "@xenolith/scheduler-interface";
import { EBUSY, EEXIST, EINVAL, ENOENT } from "@xenolith/xen-abi";

/** Physical CPUs that are scheduled together by one policy. Every domain is in one pool. */
export interface CpuPool {
  /** 0 is the pool that is there from the start. */
  readonly id: number;
  readonly name: string;
  readonly scheduler: PoolScheduler;
}

/** Makes the scheduler of a pool. `policy` is its name, or null: the host's usual one. @returns null when there is none of that name. */
export type CreatePoolScheduler = (policy: string | null, cpus: readonly CpuId[]) => PoolScheduler | null;

/** The pools of a host. Operations give a negative errno when they are refused. */
export interface CpuPools {
  /** The pool that domains are created in. */
  readonly initial: CpuPool;
  all(): readonly CpuPool[];
  get(id: number): CpuPool | null;
  /** The pool of a CPU, or null: it is in none and runs nothing. */
  ofCpu(cpu: CpuId): CpuPool | null;
  /** Makes a pool of CPUs that are in none. @returns its number; -EEXIST, -EINVAL or -EBUSY. */
  create(name: string, policy: string, cpus: readonly CpuId[]): number;
  /** Ends a pool that no domain is in. @returns 0, -ENOENT, -EBUSY, or -EINVAL for the first. */
  destroy(id: number, isEmpty: boolean): number;
  /** @returns 0, -ENOENT, or -EBUSY for a CPU in a pool. */
  addCpu(id: number, cpu: CpuId): number;
  /** @returns 0, -ENOENT for one that is not in the pool, or -EBUSY for its last one. */
  removeCpu(id: number, cpu: CpuId): number;
}

/** Makes the pools of a host: one with all CPUs. @throws HostError without a scheduler. */
export const createCpuPools = (cpuCount: number, createScheduler: CreatePoolScheduler): CpuPools => {
  if (!Number.isInteger(cpuCount) || cpuCount < 1 || cpuCount > 64)
    throw new HostError("cpu-count", `a host has 1 to 64 physical CPUs, not ${cpuCount}`);
  const everyCpu = Array.from({ length: cpuCount }, (_, cpu) => cpu);
  const scheduler = createScheduler(null, everyCpu);
  if (scheduler === null) throw new HostError("no-scheduler", "there is no usual scheduler");
  const initial: CpuPool = { id: 0, name: "Pool-0", scheduler };
  const pools = new Map<number, CpuPool>([[0, initial]]);
  const byCpu = new Map<CpuId, CpuPool>(everyCpu.map((cpu) => [cpu, initial]));
  let lastId = 0;

  return {
    initial,
    all: () => [...pools.values()],
    get: (id) => pools.get(id) ?? null,
    ofCpu: (cpu) => byCpu.get(cpu) ?? null,
    create(name, policy, cpus) {
      if ([...pools.values()].some((pool) => pool.name === name)) return -EEXIST;
      if (cpus.length === 0 || new Set(cpus).size !== cpus.length) return -EINVAL;
      if (cpus.some((cpu) => !everyCpu.includes(cpu))) return -EINVAL;
      if (cpus.some((cpu) => byCpu.has(cpu))) return -EBUSY;
      const made = createScheduler(policy, cpus);
      if (made === null) return -EINVAL;
      const pool: CpuPool = { id: ++lastId, name, scheduler: made };
      pools.set(pool.id, pool);
      for (const cpu of cpus) byCpu.set(cpu, pool);
      return pool.id;
    },
    destroy(id, isEmpty) {
      const pool = pools.get(id);
      if (pool === undefined) return -ENOENT;
      if (pool === initial) return -EINVAL;
      if (!isEmpty) return -EBUSY;
      pools.delete(id);
      for (const [cpu, of] of byCpu) if (of === pool) byCpu.delete(cpu);
      return 0;
    },
    addCpu(id, cpu) {
      const pool = pools.get(id);
      if (pool === undefined || !everyCpu.includes(cpu)) return -ENOENT;
      if (byCpu.has(cpu)) return -EBUSY;
      pool.scheduler.addCpu(cpu);
      byCpu.set(cpu, pool);
      return 0;
    },
    removeCpu(id, cpu) {
      const pool = pools.get(id);
      if (pool === undefined || byCpu.get(cpu) !== pool) return -ENOENT;
      if (pool.scheduler.cpus().length === 1) return -EBUSY;
      pool.scheduler.removeCpu(cpu);
      byCpu.delete(cpu);
      return 0;
    },
  };
};
