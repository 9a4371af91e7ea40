import { createAtroposScheduler } from "@xenolith/atropos-scheduler";
import { createBvtScheduler } from "@xenolith/bvt-scheduler";
import { createCreditPool } from "@xenolith/credit-scheduler";
import { createRoundRobinScheduler } from "@xenolith/round-robin-scheduler";
import { type CpuId, type PoolScheduler, partitioned } from "@xenolith/scheduler-interface";
import type { TraceSink } from "@xenolith/trace";

/** The policies a host knows, by the names that Xen gave them. */
export const SCHEDULER_NAMES = ["bvt", "atropos", "rrobin", "credit"] as const;

/** Name of a policy. */
export type SchedulerName = (typeof SCHEDULER_NAMES)[number];

const MILLISECOND_NS = 1_000_000;

const CREATORS: Readonly<Record<SchedulerName, (cpus: readonly CpuId[], trace: TraceSink) => PoolScheduler>> =
  {
    bvt: (cpus, trace) => partitioned(cpus, () => createBvtScheduler({ trace })),
    atropos: (cpus) => partitioned(cpus, () => createAtroposScheduler()),
    rrobin: (cpus) => partitioned(cpus, () => createRoundRobinScheduler()),
    credit: (cpus) => createCreditPool(cpus),
  };

/** Parameters of the control domain under each policy: it runs as soon as there is something for it to do. */
export const CONTROL_SCHEDULING: Readonly<Record<SchedulerName, Readonly<Record<string, number | boolean>>>> =
  {
    bvt: { warp: true, weight: 1024 },
    // What Xen 2.0 gave its domain 0.
    atropos: {
      periodNs: 20 * MILLISECOND_NS,
      sliceNs: 15 * MILLISECOND_NS,
      latencyNs: 5 * MILLISECOND_NS,
      extratime: true,
    },
    rrobin: {},
    credit: { weight: 1024 },
  };

/** Makes schedulers by name for {@link HostOptions.createPoolScheduler}; `usual` is that of the first pool. */
export const schedulersByName =
  (usual: SchedulerName) =>
  (name: string | null, cpus: readonly CpuId[], trace: TraceSink): PoolScheduler | null => {
    const known = SCHEDULER_NAMES.find((one) => one === (name ?? usual));
    return known === undefined ? null : CREATORS[known](cpus, trace);
  };
