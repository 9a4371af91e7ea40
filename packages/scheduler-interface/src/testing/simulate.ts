import { type Affinity, ANYWHERE, type CpuId, onOneCpu, type PoolScheduler } from "../pool.ts";
import type { Nanoseconds, Scheduler, VcpuId } from "../scheduler.ts";

/**
 * What a VCPU of a simulation does: runs for a while, then sleeps for a while, over and over. `runNs` of Infinity never
 * sleeps.
 */
export interface SimulatedVcpu {
  readonly id: VcpuId;
  /** Parameters it is admitted with. */
  readonly parameters: Readonly<Record<string, number | boolean>>;
  /** Length of the n-th burst of work, and of the sleep behind it, in whole nanoseconds. */
  readonly burst: (n: number) => { readonly runNs: Nanoseconds; readonly sleepNs: Nanoseconds };
  /** When it wakes for the first time. */
  readonly startNs?: Nanoseconds;
  /** In a pool: the domain it belongs to (default: one of its own), and where it may run. */
  readonly group?: number;
  readonly affinity?: Affinity;
}

/** A stretch of time on the simulated processor. */
export interface Slice {
  /** Null: idle. */
  readonly vcpu: VcpuId | null;
  readonly cpu: CpuId;
  readonly startNs: Nanoseconds;
  readonly endNs: Nanoseconds;
}

/** What came of a simulation. */
export interface SimulationResult {
  readonly slices: readonly Slice[];
  /** Time on the processor by VCPU. */
  readonly ranNs: ReadonlyMap<VcpuId, Nanoseconds>;
  /** For each wake-up, how long the VCPU waited for the processor. */
  readonly wakeLatencies: ReadonlyMap<VcpuId, readonly Nanoseconds[]>;
  /** Time during which nobody ran although somebody could have. */
  readonly wastedNs: Nanoseconds;
}

interface Progress {
  readonly vcpu: SimulatedVcpu;
  burstIndex: number;
  workLeftNs: number;
  /** Set while asleep. */
  wakeAtNs: number | null;
  /** Set from a wake-up until it runs. */
  wokenAtNs: number | null;
}

/** A simulated processor between two decisions. */
interface Processor {
  readonly cpu: CpuId;
  chosen: Progress | null;
  startNs: number;
  /** When its slice ends. */
  endNs: number;
  reconsiderAtNs: number;
}

/** When a processor has to decide again if nobody wakes. */
const decisionAt = ({ chosen, startNs, endNs, reconsiderAtNs }: Processor): number => {
  const burstEndNs = chosen === null ? Number.POSITIVE_INFINITY : startNs + chosen.workLeftNs;
  return Math.max(startNs, Math.min(endNs, burstEndNs, reconsiderAtNs));
};

/**
 * Runs the scheduler of a pool on its simulated processors for `durationNs`, with the caller's duties kept to the letter.
 * @throws RangeError when it gives a slice that is not above 0 (time would stand still), or one VCPU to two processors.
 * @param probe - called at each decision, with the time and the VCPUs that are runnable.
 */
export const simulatePool = (
  pool: PoolScheduler,
  vcpus: readonly SimulatedVcpu[],
  durationNs: Nanoseconds,
  probe: (now: Nanoseconds, runnable: readonly VcpuId[]) => void = () => {},
): SimulationResult => {
  const states = vcpus.map(
    (vcpu): Progress => ({
      vcpu,
      burstIndex: 0,
      workLeftNs: 0,
      wakeAtNs: vcpu.startNs ?? 0,
      wokenAtNs: null,
    }),
  );
  for (const { vcpu } of states)
    pool.admit(vcpu.id, vcpu.parameters, {
      group: vcpu.group ?? vcpu.id,
      affinity: vcpu.affinity ?? ANYWHERE,
    });
  const processors = pool
    .cpus()
    .map((cpu): Processor => ({ cpu, chosen: null, startNs: 0, endNs: 0, reconsiderAtNs: 0 }));
  const slices: Slice[] = [];
  const ranNs = new Map(vcpus.map((vcpu) => [vcpu.id, 0]));
  const wakeLatencies = new Map(vcpus.map((vcpu) => [vcpu.id, [] as number[]]));
  let wastedNs = 0;
  let now = 0;

  const wakeDue = (): void => {
    for (const state of states) {
      if (state.wakeAtNs === null || state.wakeAtNs > now) continue;
      state.workLeftNs = state.vcpu.burst(state.burstIndex).runNs;
      state.wokenAtNs = now;
      state.wakeAtNs = null;
      const { cpu, atNs } = pool.wake(state.vcpu.id, now);
      const processor = processors.find((one) => one.cpu === cpu);
      if (processor !== undefined) processor.reconsiderAtNs = Math.min(processor.reconsiderAtNs, atNs);
    }
  };
  const runnableNow = (): VcpuId[] =>
    states.filter((state) => state.wakeAtNs === null).map((state) => state.vcpu.id);

  /** Ends what a processor has done since its last decision. @returns how long its VCPU ran. */
  const stop = ({ cpu, chosen, startNs }: Processor): number => {
    const lastRanNs = chosen === null ? 0 : now - startNs;
    if (now > startNs) slices.push({ vcpu: chosen?.vcpu.id ?? null, cpu, startNs, endNs: now });
    if (chosen === null) return 0;
    ranNs.set(chosen.vcpu.id, (ranNs.get(chosen.vcpu.id) ?? 0) + lastRanNs);
    chosen.workLeftNs -= lastRanNs;
    if (chosen.workLeftNs <= 0) {
      chosen.wakeAtNs = now + chosen.vcpu.burst(chosen.burstIndex).sleepNs;
      chosen.burstIndex++;
      pool.sleep(chosen.vcpu.id, now);
    }
    return lastRanNs;
  };

  const decide = (processor: Processor): void => {
    const lastRanNs = stop(processor);
    processor.chosen = null;
    processor.reconsiderAtNs = Number.POSITIVE_INFINITY;
    probe(now, runnableNow());
    const decision = pool.choose(processor.cpu, now, lastRanNs);
    if (!(decision.sliceNs > 0)) throw new RangeError(`${pool.name}: a slice of ${decision.sliceNs} ns`);
    if (processors.some(({ chosen }) => chosen !== null && chosen.vcpu.id === decision.vcpu))
      throw new RangeError(`${pool.name}: VCPU ${decision.vcpu} runs already`);
    // A scheduler that chooses somebody who sleeps wastes the time: nobody runs.
    const chosen = states.find((state) => state.vcpu.id === decision.vcpu && state.wakeAtNs === null) ?? null;
    processor.chosen = chosen;
    processor.startNs = now;
    processor.endNs = now + decision.sliceNs;
    if (chosen?.wokenAtNs != null) {
      wakeLatencies.get(chosen.vcpu.id)?.push(now - chosen.wokenAtNs);
      chosen.wokenAtNs = null;
    }
  };

  const nextEvent = (): number =>
    Math.min(
      durationNs,
      ...processors.map(decisionAt),
      ...states.map((state) => state.wakeAtNs ?? Number.POSITIVE_INFINITY),
    );

  while (now < durationNs) {
    wakeDue();
    for (const processor of processors) if (decisionAt(processor) <= now) decide(processor);
    const idle = processors.filter(({ chosen }) => chosen === null).length;
    const waiting = runnableNow().length - (processors.length - idle);
    // A burst of no length ends where it began.
    const next = Math.max(now, nextEvent());
    wastedNs += (next - now) * Math.min(idle, Math.max(0, waiting));
    now = next;
  }
  for (const processor of processors) stop(processor);
  return { slices, ranNs, wakeLatencies, wastedNs };
};

/** Runs a scheduler on one simulated processor: see {@link simulatePool}. */
export const simulate = (
  scheduler: Scheduler,
  vcpus: readonly SimulatedVcpu[],
  durationNs: Nanoseconds,
  probe: (now: Nanoseconds, runnable: readonly VcpuId[]) => void = () => {},
): SimulationResult => simulatePool(onOneCpu(scheduler), vcpus, durationNs, probe);

/** A VCPU that never sleeps. */
export const busy = (
  id: VcpuId,
  parameters: Readonly<Record<string, number | boolean>> = {},
): SimulatedVcpu => ({
  id,
  parameters,
  burst: () => ({ runNs: Number.POSITIVE_INFINITY, sleepNs: 0 }),
});

/** A VCPU that works for `runNs` every time it has slept for `sleepNs`. */
export const periodic = (
  id: VcpuId,
  runNs: Nanoseconds,
  sleepNs: Nanoseconds,
  parameters: Readonly<Record<string, number | boolean>> = {},
): SimulatedVcpu => ({ id, parameters, burst: () => ({ runNs, sleepNs }), startNs: sleepNs });
