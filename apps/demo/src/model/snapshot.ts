import type { CrashReport, DomainDescription, ShutdownReason } from "@xenolith/domain-interface/control";
import type { DomId } from "@xenolith/xen-abi";

/** A domain at one moment, as any view shows it. */
export interface DomainSnapshot {
  readonly id: DomId;
  readonly name: string;
  readonly state: DomainDescription["state"];
  /** Why it stopped, in state `shutdown`. */
  readonly shutdownReason: ShutdownReason | null;
  readonly crash: CrashReport | null;
  readonly memoryKiB: number;
  /** Processor time used since it was created. */
  readonly cpuNs: number;
  /** 0 for kernels in TypeScript. */
  readonly instructions: number;
  /** Part of the processor it had lately, 0 to 1. */
  readonly share: number;
  /** Null where the scheduler knows no weights. */
  readonly weight: number | null;
  /** Its place in virtual time; null where the scheduler has none. */
  readonly virtualTime: DomainVirtualTime | null;
}

/** A domain's virtual time, in minimum charging units at the default weight. [BVT 3] */
export interface DomainVirtualTime {
  /** A: actual virtual time. */
  readonly actualMcu: number;
  /** E: effective virtual time; before A while the domain is warped. */
  readonly effectiveMcu: number;
  readonly warped: boolean;
}

/** A host at one moment. */
export interface HostSnapshot {
  /** Time since the host started. */
  readonly nowNs: number;
  readonly clock: "virtual" | "real";
  /** The scheduler's virtual time: the least A of all runnable domains. Null where the scheduler has none. */
  readonly schedulerMcu: number | null;
  /** Instructions per second of the host's time lately, over all domains. */
  readonly instructionRate: number;
  /** In order of their identifiers. */
  readonly domains: readonly DomainSnapshot[];
}
