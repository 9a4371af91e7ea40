import { CONTROL_SCHEDULING, defaultDiskTiming, schedulersByName } from "@xenolith/host";
import { type AssembledHost, assembleHost } from "@xenolith/host/testing";
import type { DomId } from "@xenolith/xen-abi";
import type { Failures } from "./failures.ts";

const MEMORY_MIB = 48;
const SLICE_NS = 1_000_000;
/** Slices that a task may take. Tasks take some tens of them. */
const MOST_TASK_SLICES = 10_000;

/** A host to be attacked. */
export interface Scene {
  readonly assembled: AssembledHost;
  /** Sets who is told of bytes on the emergency console. */
  onEmergencyOutput(listener: (domain: DomId, bytes: Uint8Array) => void): void;
  /** Runs a task that needs the host's store while the host runs. @throws when it has not ended after ten virtual seconds. */
  during<Result>(task: () => Promise<Result>): Promise<Result>;
}

/** Makes the host, with a virtual clock. */
export const createScene = (seed: number, failures: Failures): Scene => {
  let listener: (domain: DomId, bytes: Uint8Array) => void = () => {};
  const assembled = assembleHost({
    memoryMiB: MEMORY_MIB,
    seed,
    clock: "virtual",
    createPoolScheduler: schedulersByName("bvt"),
    controlScheduling: CONTROL_SCHEDULING.bvt,
    diskTiming: defaultDiskTiming,
    traceCapacity: 4096,
    breathe: () => new Promise((resolve) => setImmediate(resolve)),
    onEmergencyOutput: (domain, bytes) => listener(domain, bytes),
    onFailure: (error) => {
      failures.add(
        `the control domain threw: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      );
      assembled.host.stop();
    },
  });
  return {
    assembled,
    onEmergencyOutput(next) {
      listener = next;
    },
    async during(task) {
      let isOver = false;
      const result = task().finally(() => {
        isOver = true;
        assembled.host.stop();
      });
      for (let left = MOST_TASK_SLICES; !isOver; left--) {
        if (left === 0) throw new Error("the control domain does not answer any more");
        await assembled.host.run({ untilNs: assembled.host.clock.now() + SLICE_NS });
      }
      return result;
    },
  };
};
