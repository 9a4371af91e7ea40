import type { DomainControl } from "@xenolith/domain-interface/control";
import type { Clock } from "@xenolith/machine-interface";
import type { PoolScheduler } from "@xenolith/scheduler-interface";
import type { Toolstack } from "@xenolith/toolstack";
import type { TraceRecorder, TraceSink } from "@xenolith/trace";
import type { EngineChoice, TranslationArchive } from "@xenolith/x86-cpu";
import type { DomId } from "@xenolith/xen-abi";
import type { Terminal } from "./terminal.ts";
import type { DiskTiming } from "./timed-store.ts";

/** Time of the world outside, for a host whose clock is real. */
export interface RealTime {
  /** A steady counter of nanoseconds from any start. */
  readonly nowNs: () => number;
  /** Wall-clock time now. */
  readonly epoch: Clock["epoch"];
}

/** What a host is made with. Presets in `./node` fill in most of it. */
export interface HostOptions {
  /** Memory of the machine, to be shared by all domains. */
  readonly memoryMiB: number;
  /** Seed of everything that is drawn: frames, UUIDs, the virtual epoch. */
  readonly seed: number;
  readonly clock: "virtual" | RealTime;
  /** How the processor runs code; what guests do is the same. Default `auto`: hot code is translated. */
  readonly engine?: EngineChoice;
  /** Where translations of guests' code are kept for other hosts, and found that they have made. Default: nowhere. */
  readonly translationArchive?: TranslationArchive;
  /** Physical CPUs, simulated in turn. Default 1. */
  readonly cpuCount?: number;
  /** Makes the scheduler of a pool of CPUs by the policy's name (null: the usual one). @returns null when there is none of that name. */
  readonly createPoolScheduler: (
    name: string | null,
    cpus: readonly number[],
    trace: TraceSink,
  ) => PoolScheduler | null;
  /** Scheduling parameters of the control domain. */
  readonly controlScheduling: Readonly<Record<string, number | boolean>>;
  readonly diskTiming: DiskTiming;
  /** Records kept by the trace once it is switched on. */
  readonly traceCapacity: number;
  /**
   * Lets everything else in the process run: promises, timers, input. Called between slices of the run loop.
   * @param idleNs - 0: come back as soon as that is done. Above: nothing is to be done for so long (Infinity: until woken);
   * with a real clock come back then, or earlier when `wake` is called.
   */
  readonly breathe: (idleNs: number, onWake: (wake: () => void) => void) => Promise<void>;
  /** Takes what domains write by console_io, which is for emergencies: a kernel that has no console yet. */
  readonly onEmergencyOutput: (domain: DomId, bytes: Uint8Array) => void;
  /** Told what went wrong inside the control domain. The host has stopped. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * Why a run came back.
 * - `stopped`: {@link Host.stop} was called.
 * - `until`: the time asked for has come.
 * - `idle`: under a virtual clock nothing is left that could ever happen.
 */
export type RunEnd = "stopped" | "until" | "idle";

/** A machine with a hypervisor and a control domain. */
export interface Host {
  readonly control: DomainControl;
  readonly toolstack: Toolstack;
  readonly clock: Clock;
  readonly trace: TraceRecorder;
  /** Connects a terminal to a domain's console. All input from outside passes here. @throws HostError when it has no console. */
  terminal(domain: DomId): Terminal;
  /** Runs domains until something ends it. Only one run at a time. */
  run(options?: { readonly untilNs?: number }): Promise<RunEnd>;
  /** Ends the run under way at the next boundary. */
  stop(): void;
}
