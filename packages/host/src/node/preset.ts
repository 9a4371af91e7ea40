import type { EngineChoice, TranslationArchive } from "@xenolith/x86-cpu";
import type { DomId } from "@xenolith/xen-abi";
import { createHost } from "../create-host.ts";
import { CONTROL_SCHEDULING, type SchedulerName, schedulersByName } from "../schedulers.ts";
import { defaultDiskTiming } from "../timed-store.ts";
import type { Host, RealTime } from "../types.ts";

/** What a person chooses; all else has the preset's values. */
export interface NodeHostOptions {
  readonly memoryMiB: number;
  readonly seed: number;
  readonly clock: "virtual" | "real";
  /** How the processor runs code. Default `auto`. */
  readonly engine?: EngineChoice;
  /** Where translations of guests' code are kept for later processes; see `openTranslationArchive`. Default: nowhere. */
  readonly translationArchive?: TranslationArchive;
  /** Policy of the first pool of CPUs. Default `bvt`. */
  readonly scheduler?: SchedulerName;
  /** Physical CPUs, simulated in turn. Default 1. */
  readonly cpuCount?: number;
  readonly onFailure: (error: unknown) => void;
  /** Takes what domains write by console_io. Default: dropped. */
  readonly onEmergencyOutput?: (domain: DomId, bytes: Uint8Array) => void;
}

const realTime = (): RealTime => {
  const nowMs = Date.now();
  return {
    nowNs: () => performance.now() * 1_000_000,
    epoch: { seconds: Math.floor(nowMs / 1000), nanoseconds: (nowMs % 1000) * 1_000_000 },
  };
};

/** Waits for the event loop: once round when there is work, else until the deadline or a call of `wake`. */
const breathe =
  (isVirtual: boolean) =>
  (idleNs: number, onWake: (wake: () => void) => void): Promise<void> =>
    new Promise((resolve) => {
      if (idleNs === 0 || isVirtual) {
        setImmediate(resolve);
        return;
      }
      const timer = setTimeout(resolve, Math.min(idleNs / 1_000_000, 1000));
      onWake(() => {
        clearTimeout(timer);
        resolve();
      });
    });

/** A host in a Node process: a control domain that runs when there is something to do, files as disks. */
export const createNodeHost = (options: NodeHostOptions): Host => {
  const { translationArchive } = options;
  return createHost({
    memoryMiB: options.memoryMiB,
    seed: options.seed,
    clock: options.clock === "virtual" ? "virtual" : realTime(),
    engine: options.engine ?? "auto",
    ...(translationArchive === undefined ? {} : { translationArchive }),
    cpuCount: options.cpuCount ?? 1,
    createPoolScheduler: schedulersByName(options.scheduler ?? "bvt"),
    controlScheduling: CONTROL_SCHEDULING[options.scheduler ?? "bvt"],
    diskTiming: defaultDiskTiming,
    traceCapacity: 65_536,
    breathe: breathe(options.clock === "virtual"),
    onFailure: options.onFailure,
    onEmergencyOutput: options.onEmergencyOutput ?? (() => {}),
  });
};
