import type { Hypervisor, StepResult } from "@xenolith/hypervisor-core";
import type { Clock } from "@xenolith/machine-interface";
import { toNanoseconds } from "@xenolith/machine-interface";
import type { Holds } from "./holds.ts";
import type { HostOptions, RunEnd } from "./types.ts";

/** What the loop drives. */
export interface RunLoopParts {
  readonly clock: Clock;
  readonly holds: Holds;
  readonly step: Hypervisor["step"];
  readonly breathe: HostOptions["breathe"];
}

/** The host's main loop. */
export interface RunLoop {
  run(untilNs: number): Promise<RunEnd>;
  stop(): void;
  /** Something has come from outside: an idle host looks again at once. */
  wake(): void;
}

/**
 * Time between two looks at the rest of the process: long enough to cost little, short enough to feel at once. Virtual time
 * mostly passes faster than that of whoever waits.
 */
const WORK_NS = { real: 2_000_000, virtual: 16_000_000 } as const;
/**
 * Longest time, while guests only compute. Under a virtual clock nobody waits for it: scripted input, timers and disks have their
 * times, whatever the rounds.
 */
const LONGEST_WORK_NS = { real: 8_000_000, virtual: 256_000_000 } as const;
/** Part of the time that guests have only computed for which they are trusted to go on doing so. */
const TRUST = 0.5;

/** Makes the main loop of a host. */
export const createRunLoop = ({ clock, holds, step, breathe }: RunLoopParts): RunLoop => {
  let stopped = false;
  let woken = false;
  let wakeSleeper: (() => void) | null = null;
  const shortestNs = WORK_NS[clock.mode];
  const longestNs = LONGEST_WORK_NS[clock.mode];
  let workNs: number = shortestNs;
  /** Time that guests have only computed, as far as it was worked through. */
  let steadyNs = 0;

  /** One step. Real time is what counts under a real clock, under a virtual one what is simulated. */
  const work = (untilNs: number): StepResult => {
    if (woken) {
      steadyNs = 0;
      workNs = shortestNs;
    }
    const result =
      clock.mode === "real"
        ? step({ workNs: Number.POSITIVE_INFINITY, untilNs: Math.min(untilNs, clock.now() + workNs) })
        : step({ workNs, untilNs });
    const isSteady = result.kind === "ran" && result.isSteady && !woken;
    steadyNs = isSteady ? steadyNs + workNs : 0;
    workNs = Math.min(Math.max(shortestNs, Math.floor(TRUST * steadyNs)), longestNs);
    return result;
  };

  const wake = (): void => {
    woken = true;
    wakeSleeper?.();
  };
  const pause = async (idleNs: number): Promise<void> => {
    woken = false;
    await breathe(idleNs, (next) => {
      wakeSleeper = next;
      if (woken || stopped) next();
    });
    wakeSleeper = null;
    await holds.released();
  };

  /** Nothing can run: lets time pass. @returns why the run is over, or null when it goes on. */
  const idle = async (nextNs: number | null, untilNs: number): Promise<RunEnd | null> => {
    const deadlineNs = Math.min(nextNs ?? Number.POSITIVE_INFINITY, untilNs);
    if (clock.mode === "real") {
      await pause(Math.max(1, deadlineNs - clock.now()));
      return null;
    }
    if (deadlineNs === Number.POSITIVE_INFINITY) return "idle";
    clock.skipTo(toNanoseconds(deadlineNs));
    return null;
  };

  const run = async (untilNs: number): Promise<RunEnd> => {
    stopped = false;
    while (!stopped) {
      if (clock.now() >= untilNs) return "until";
      const first = work(untilNs);
      await pause(0);
      if (first.kind === "ran" || stopped) continue;
      // What ran while the host paused may have made work: only a second idle step is idle.
      const second = work(untilNs);
      if (second.kind === "ran") continue;
      const end = await idle(second.nextNs, untilNs);
      if (end !== null) return end;
    }
    return "stopped";
  };

  return {
    run,
    stop: () => {
      stopped = true;
      wakeSleeper?.();
    },
    wake,
  };
};
