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
}

/** A stretch of time on the simulated processor. */
export interface Slice {
  /** Null: idle. */
  readonly vcpu: VcpuId | null;
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

/**
 * Runs a scheduler on one simulated processor for `durationNs`, with the caller's duties kept to the letter.
 * @throws RangeError when the scheduler gives a slice that is not above 0: time would stand still.
 * @param probe - called at each decision, with the time and the VCPUs that are runnable.
 */
export const simulate = (
  scheduler: Scheduler,
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
  for (const { vcpu } of states) scheduler.admit(vcpu.id, vcpu.parameters);
  const slices: Slice[] = [];
  const ranNs = new Map(vcpus.map((vcpu) => [vcpu.id, 0]));
  const wakeLatencies = new Map(vcpus.map((vcpu) => [vcpu.id, [] as number[]]));
  let reconsiderAt = Number.POSITIVE_INFINITY;
  let wastedNs = 0;
  let now = 0;
  let lastRanNs = 0;

  const wakeDue = (): void => {
    for (const state of states) {
      if (state.wakeAtNs === null || state.wakeAtNs > now) continue;
      state.workLeftNs = state.vcpu.burst(state.burstIndex).runNs;
      state.wokenAtNs = now;
      state.wakeAtNs = null;
      reconsiderAt = Math.min(reconsiderAt, scheduler.wake(state.vcpu.id, now));
    }
  };
  const nextWake = (): number =>
    Math.min(...states.map((state) => state.wakeAtNs ?? Number.POSITIVE_INFINITY));

  while (now < durationNs) {
    wakeDue();
    const runnable = states.filter((state) => state.wakeAtNs === null).map((state) => state.vcpu.id);
    probe(now, runnable);
    reconsiderAt = Number.POSITIVE_INFINITY;
    const decision = scheduler.choose(now, lastRanNs);
    if (!(decision.sliceNs > 0)) throw new RangeError(`${scheduler.name}: a slice of ${decision.sliceNs} ns`);
    // A scheduler that chooses somebody who sleeps wastes the time: nobody runs.
    const chosen = states.find((state) => state.vcpu.id === decision.vcpu && state.wakeAtNs === null) ?? null;
    const startNs = now;
    let endNs = Math.min(now + decision.sliceNs, durationNs);
    if (chosen?.wokenAtNs != null) {
      wakeLatencies.get(chosen.vcpu.id)?.push(now - chosen.wokenAtNs);
      chosen.wokenAtNs = null;
    }
    const burstEndNs = chosen === null ? Number.POSITIVE_INFINITY : startNs + chosen.workLeftNs;
    for (;;) {
      const stopNs = Math.min(endNs, burstEndNs, reconsiderAt);
      const wakeNs = nextWake();
      if (wakeNs >= stopNs) {
        now = Math.max(stopNs, startNs);
        break;
      }
      now = wakeNs;
      wakeDue();
      if (chosen === null) endNs = now;
    }
    lastRanNs = chosen === null ? 0 : now - startNs;
    slices.push({ vcpu: decision.vcpu, startNs, endNs: now });
    if (chosen === null) {
      if (runnable.length > 0) wastedNs += now - startNs;
      continue;
    }
    ranNs.set(chosen.vcpu.id, (ranNs.get(chosen.vcpu.id) ?? 0) + lastRanNs);
    chosen.workLeftNs -= lastRanNs;
    if (chosen.workLeftNs <= 0) {
      chosen.wakeAtNs = now + chosen.vcpu.burst(chosen.burstIndex).sleepNs;
      chosen.burstIndex++;
      scheduler.sleep(chosen.vcpu.id, now);
    }
  }
  return { slices, ranNs, wakeLatencies, wastedNs };
};

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
