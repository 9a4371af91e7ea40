import type { SchedulerName } from "@xenolith/host";
import type { PoolScheduler, VcpuId } from "@xenolith/scheduler-interface";
import { createBenchHost } from "../domains/host.ts";

const MS = 1_000_000;
const SECOND_NS = 1_000 * MS;

/** A domain of the workload. */
interface Member {
  readonly name: string;
  readonly commandLine: string;
  /** Its share among those that compute; 0: it sleeps mostly and has little to do. */
  readonly weight: number;
}

/** Three that compute with weights 1, 2 and 4, and two that wake for a moment now and then. */
export const WORKLOAD: readonly Member[] = [
  { name: "compute-1", commandLine: `quiet run="spin 100000"`, weight: 1 },
  { name: "compute-2", commandLine: `quiet run="spin 100000"`, weight: 2 },
  { name: "compute-4", commandLine: `quiet run="spin 100000"`, weight: 4 },
  { name: "ticks-10ms", commandLine: "quiet tick=10", weight: 0 },
  { name: "ticks-50ms", commandLine: "quiet tick=50", weight: 0 },
];

/** The same wishes in the words of each policy. */
const schedulingOf = (scheduler: SchedulerName, weight: number): Record<string, number | boolean> => {
  const share = weight === 0 ? 0.05 : weight * 0.1;
  switch (scheduler) {
    case "bvt":
      return { weight: weight === 0 ? 256 : weight * 256, warp: weight === 0 };
    case "credit":
      return { weight: weight === 0 ? 256 : weight * 256 };
    case "atropos":
      return {
        periodNs: 50 * MS,
        sliceNs: Math.floor(50 * MS * share),
        latencyNs: weight === 0 ? 5 * MS : 50 * MS,
        extratime: true,
      };
    case "rrobin":
      return {};
  }
};

/** What came of a member under a policy. */
export interface MemberFigures {
  readonly name: string;
  /** Part of the processor it had. */
  readonly share: number;
  /** How long it waited from a wake-up to the processor, in milliseconds. */
  readonly meanLatencyMs: number;
  readonly worstLatencyMs: number;
  readonly wakeUps: number;
}

/** What came of the workload under a policy. */
export interface PolicyFigures {
  readonly scheduler: SchedulerName;
  readonly members: readonly MemberFigures[];
  /** Changes of the VCPU on the processor, in a second of virtual time. */
  readonly switchesPerSecond: number;
}

/** Watches wake-ups and decisions. */
const observe = () => {
  const wokenAt = new Map<VcpuId, number>();
  const latencies = new Map<number, number[]>();
  const groupOf = new Map<VcpuId, number>();
  let last: VcpuId | null = null;
  let switches = 0;
  return {
    reset(): void {
      latencies.clear();
      switches = 0;
    },
    switches: (): number => switches,
    latenciesOf: (group: number): readonly number[] => latencies.get(group) ?? [],
    watch: (scheduler: PoolScheduler): PoolScheduler => ({
      ...scheduler,
      admit(vcpu, parameters, placement) {
        groupOf.set(vcpu, placement.group);
        scheduler.admit(vcpu, parameters, placement);
      },
      wake(vcpu, now) {
        wokenAt.set(vcpu, now);
        return scheduler.wake(vcpu, now);
      },
      choose(cpu, now, ranNs) {
        const decision = scheduler.choose(cpu, now, ranNs);
        const { vcpu } = decision;
        if (vcpu === null) return decision;
        if (vcpu !== last) switches++;
        last = vcpu;
        const woken = wokenAt.get(vcpu);
        const group = groupOf.get(vcpu);
        if (woken === undefined || group === undefined) return decision;
        wokenAt.delete(vcpu);
        const waits = latencies.get(group) ?? [];
        waits.push(now - woken);
        latencies.set(group, waits);
        return decision;
      },
    }),
  };
};

/** Runs the workload under a policy for so many seconds of virtual time. */
export const measurePolicy = async (
  scheduler: SchedulerName,
  seed: number,
  seconds: number,
): Promise<PolicyFigures> => {
  const observed = observe();
  const bench = createBenchHost({ scheduler, seed, watch: observed.watch });
  await bench.prepare(
    WORKLOAD.length,
    (index) => WORKLOAD[index]?.commandLine ?? "",
    (index) => schedulingOf(scheduler, WORKLOAD[index]?.weight ?? 1),
  );
  bench.start();
  await bench.runFor(SECOND_NS);
  const used = (): number[] => bench.domains.map((domain) => bench.host.control.describe(domain)?.cpuNs ?? 0);
  const before = used();
  observed.reset();
  const startNs = bench.host.clock.now();
  await bench.runFor(seconds * SECOND_NS);
  const passedNs = bench.host.clock.now() - startNs;
  const after = used();
  const members = WORKLOAD.map(({ name }, index): MemberFigures => {
    const waits = observed.latenciesOf(bench.domains[index] ?? -1);
    const sum = waits.reduce((total, wait) => total + wait, 0);
    return {
      name,
      share: ((after[index] ?? 0) - (before[index] ?? 0)) / passedNs,
      meanLatencyMs: waits.length === 0 ? 0 : sum / waits.length / MS,
      worstLatencyMs: waits.length === 0 ? 0 : Math.max(...waits) / MS,
      wakeUps: waits.length,
    };
  });
  return { scheduler, members, switchesPerSecond: (observed.switches() * SECOND_NS) / passedNs };
};
