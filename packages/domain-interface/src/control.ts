import type { Executor, Mfn, Nanoseconds } from "@xenolith/machine-interface";
import type { SegmentState } from "@xenolith/x86-architecture";
import type { DomId, GrantRef, GuestWidth, Pfn, Port, VcpuIndex } from "@xenolith/xen-abi";
import type { MappedPages } from "./pages.ts";

/**
 * A domain from above: what builders, toolstacks and a control kernel may do with any domain. Implemented by the
 * hypervisor; who holds this object is privileged. Operations give 0 or a non-negative number on success and a negative
 * errno when the hypervisor refuses. [XEN domctl.h]
 */
export interface DomainControl {
  /** Makes a paused domain without memory. @returns its identifier, or -ENOMEM, -EINVAL, -EEXIST. */
  create(options: CreateDomain): DomId | number;
  /** Ends a domain and gives back all it has, as soon as nobody maps its frames any more. Its identifier is not used again soon. */
  destroy(domain: DomId): number;
  pause(domain: DomId): number;
  unpause(domain: DomId): number;
  /** What is known of a domain now, or null when there is none. */
  describe(domain: DomId): DomainDescription | null;
  /** All domains in order of their identifiers. */
  list(): DomainDescription[];
  /** Called after a domain was created, paused, shut down, crashed or ended. @returns a function that removes the listener. */
  onChange(listener: (domain: DomId, change: DomainChange) => void): () => void;

  /** Gives the domain zeroed frames, in no particular order, within its maximum. @returns the frames, or -ENOMEM. */
  allocateFrames(domain: DomId, count: number): Mfn[] | number;
  /** Says how many pages a domain may own from now on; what it has it keeps. @returns 0, -ESRCH or -EINVAL. */
  setMaximumPages(domain: DomId, pages: number): number;
  /** Access to frames that belong to the domain, for building, consoles and dumps. @returns -EINVAL when one does not. */
  mapFrames(domain: DomId, frames: readonly Mfn[]): MappedPages | number;
  /** Copies a frame of the domain, whatever it is used for, or its shared_info: for dumps. @returns 0, -ESRCH or -EINVAL. */
  readFrame(domain: DomId, frame: Mfn, into: Uint8Array): number;
  /** Frames of the domain, in the order of `pfn` where the M2P table knows one. */
  framesOf(domain: DomId): Mfn[];
  /** Enters pseudo-physical numbers into the machine-to-physical table: `frames[i]` is `first + i`. */
  setPhysicalNumbers(domain: DomId, frames: readonly Mfn[], first: Pfn): number;
  /**
   * Validates the tables below `root` as a page-table base of this domain, pins it and makes it the base of VCPU 0. The
   * frames' contents were written before through {@link mapFrames}, whose handles have been released.
   */
  setPageTableBase(domain: DomId, root: Mfn): number;
  /** Machine frame of the domain's shared_info page. It belongs to the hypervisor and is shared with the domain. */
  sharedInfoFrame(domain: DomId): Mfn;
  /** Fills a frame of the domain with the hypercall page of its width. [XEN xen.h] */
  writeHypercallPage(domain: DomId, frame: Mfn): number;

  /** Sets the registers with which a VCPU starts. */
  setStartContext(domain: DomId, vcpu: VcpuIndex, context: StartContext): number;
  /** Gives a VCPU an executor of another kind than the x86 engine: a TypeScript kernel. Only before the domain is unpaused. */
  attachExecutor(domain: DomId, vcpu: VcpuIndex, executor: Executor): number;
  /** What a TypeScript kernel in this domain works with. */
  inside(domain: DomId): DomainServices;
  /** Registers of a VCPU for people: one line per group, as in a crash report. */
  dumpRegisters(domain: DomId, vcpu: VcpuIndex): string;

  /** Allocates a port of `domain` that `remote` may bind to, on the domain's behalf. */
  allocateUnbound(domain: DomId, remote: DomId): Port | number;
  /** Writes a reserved grant entry (GNTTAB_RESERVED_CONSOLE, GNTTAB_RESERVED_XENSTORE) of a domain that has not started. */
  seedGrant(domain: DomId, reference: GrantRef, to: DomId, frame: Mfn): number;
  /** The whole state of a VCPU as a vcpu_guest_context of the domain's width; null without an x86 processor. */
  vcpuContext(domain: DomId, vcpu: VcpuIndex): Uint8Array | null;
  /** The pseudo-physical numbers of the frames that {@link framesOf} gives, in that order; null for none. */
  physicalNumbersOf(domain: DomId): (Pfn | null)[];
  /** The version of Xen whose interface this is. */
  readonly version: { readonly major: number; readonly minor: number; readonly extra: string };
  /**
   * Lets a domain go on that has stopped with reason `suspend`. Its call answers 1 when the suspension was cancelled and nothing
   * has changed; otherwise 0, start_info (whose frame the call named) is filled in anew, and VCPUs but the first are down.
   * @returns 0, -ESRCH, or -EINVAL for a domain that is not suspended.
   */
  resume(domain: DomId, options: { readonly cancelled: boolean }): number;
  /** Asks for the end of a domain from outside, as if it had called SCHEDOP_shutdown. */
  shutdown(domain: DomId, reason: ShutdownReason): number;

  /** Scheduling parameters of a domain, by name. */
  schedulingOf(domain: DomId): Readonly<Record<string, number | boolean>> | null;
  /** Changes scheduling parameters on a running host. @returns a sentence when refused, else null. */
  adjustScheduling(domain: DomId, parameters: Readonly<Record<string, number | boolean>>): string | null;
  /** State of a domain's VCPU in its scheduler (BVT: avt, evt, warped …). */
  schedulingReport(domain: DomId, vcpu: VcpuIndex): Readonly<Record<string, number | boolean>> | null;
  /** Pools of physical CPUs. */
  readonly pools: PoolControl;
  /** Says on which physical CPUs a VCPU runs, from now on. @returns 0, -ESRCH, or -EINVAL when there is no such CPU or VCPU. */
  setAffinity(domain: DomId, vcpu: VcpuIndex, affinity: CpuAffinity): number;
  /** The VCPUs of a domain; none when there is no such domain. */
  vcpusOf(domain: DomId): VcpuDescription[];
}

/** Physical CPUs that a VCPU may be on (`hard`) and had better be on (`soft`); null: any. */
export interface CpuAffinity {
  readonly hard: readonly number[] | null;
  readonly soft: readonly number[] | null;
}

/**
 * Pools of physical CPUs, each under a policy of its own. A domain runs on the CPUs of its pool; it is created in pool 0, which
 * has all CPUs at first.
 */
export interface PoolControl {
  list(): PoolDescription[];
  /** Makes a pool of CPUs that are in none. @returns its number, -EEXIST (name), -EINVAL (policy, CPUs) or -EBUSY (a CPU is in a pool). */
  create(name: string, scheduler: string, cpus: readonly number[]): number;
  /** Ends a pool; its CPUs are in none then. @returns 0, -ENOENT, -EBUSY with domains in it, -EINVAL for pool 0. */
  destroy(pool: number): number;
  /** @returns 0, -ENOENT, or -EBUSY for a CPU that is in a pool. */
  addCpu(pool: number, cpu: number): number;
  /** @returns 0, -ENOENT for a CPU that is not in it, -EBUSY for its last. */
  removeCpu(pool: number, cpu: number): number;
  /** Moves a domain. It keeps its scheduling parameters where the policy is the same, else it has the new policy's defaults. @returns 0, -ESRCH or -ENOENT. */
  moveDomain(domain: DomId, pool: number): number;
}

/** A pool as tools show it. */
export interface PoolDescription {
  readonly id: number;
  readonly name: string;
  readonly scheduler: string;
  readonly cpus: readonly number[];
  readonly domains: readonly DomId[];
}

/** A VCPU as tools show it. */
export interface VcpuDescription {
  readonly index: VcpuIndex;
  /** Physical CPU it is on, or was on last. */
  readonly cpu: number;
  /** RUNSTATE_*: 0 running, 1 runnable, 2 blocked, 3 offline. [XEN vcpu.h] */
  readonly state: 0 | 1 | 2 | 3;
  readonly cpuNs: number;
  readonly affinity: CpuAffinity;
}

/** What a domain is created with. */
export interface CreateDomain {
  /** Wanted identifier, or null for the next free one. */
  readonly id: DomId | null;
  readonly width: GuestWidth;
  readonly vcpus: number;
  /** Most pages the domain may ever own. */
  readonly maximumPages: number;
  /** May act on other domains where the ABI lets a privileged domain do so. */
  readonly privileged: boolean;
  /** May make `alarm_op`: alarms of real and of virtual time. Xen has no such call; without this it is -ENOSYS. Default false. */
  readonly alarms?: boolean;
  /** Scheduling parameters by name; those not given have the policy's defaults. */
  readonly scheduling: Readonly<Record<string, number | boolean>>;
  /** Unique identifier, 16 bytes, as XENVER_guest_handle shows it. */
  readonly uuid: Uint8Array;
}

/** Why a domain stopped: SHUTDOWN_*, or any other number from 6 to 255, which a guest may give as well. [XEN sched.h] */
export type ShutdownReason = KnownShutdownReason | `reason ${number}`;

/** Reasons that have a name. */
export type KnownShutdownReason = "poweroff" | "reboot" | "suspend" | "crash" | "watchdog" | "soft-reset";

/** What happened to a domain. */
export type DomainChange = "created" | "paused" | "unpaused" | "shutdown" | "resumed" | "destroyed";

/** A crash: the reason in words and the registers at that moment. */
export interface CrashReport {
  readonly reason: string;
  readonly registers: string;
}

/** A domain as tools show it. */
export interface DomainDescription {
  readonly id: DomId;
  readonly width: GuestWidth;
  readonly privileged: boolean;
  /** `running`: on a CPU now; `runnable`: waits for one; `blocked`: waits for an event. */
  readonly state: "running" | "runnable" | "blocked" | "paused" | "shutdown" | "dying";
  /** Why it stopped, in state `shutdown`. */
  readonly shutdownReason: ShutdownReason | null;
  /** Set when the reason is `crash`. */
  readonly crash: CrashReport | null;
  readonly pages: number;
  readonly maximumPages: number;
  readonly vcpus: number;
  /** Processor time used since it was created. */
  readonly cpuNs: Nanoseconds;
  /** Instructions retired since it was created (0 for TypeScript kernels). */
  readonly instructions: number;
}

/** Registers with which a paravirtual guest starts; all others are 0. Selectors are the flat ones of its width. */
export interface StartContext {
  readonly instructionPointer: number;
  readonly stackPointer: number;
  /** Virtual address of start_info: ESI or RSI. */
  readonly startInfo: number;
  /** Segments to set apart from the flat ones, by name of the register. */
  readonly segments?: Readonly<Partial<Record<"cs" | "ss" | "ds" | "es" | "fs" | "gs", SegmentState>>>;
}

/**
 * Raw services for a kernel written in TypeScript: the hypercalls it would make. `typescript-kernel` builds the comfortable
 * `Domain` on them.
 */
export interface DomainServices {
  readonly id: DomId;
  /** Event-channel operations: port or 0, or a negative errno. */
  allocateUnbound(remote: DomId): number;
  bindInterdomain(remote: DomId, remotePort: Port): number;
  bindVirq(virq: number): number;
  close(port: Port): number;
  send(port: Port): number;
  /** Takes all pending, unmasked ports of the domain: clears their pending bits and returns them in ascending order. */
  takePending(): Port[];
  /** Grants: see `Grants.map` and `Grants.copy`. */
  mapGrants(domain: DomId, references: readonly GrantRef[], writable: boolean): MappedPages | number;
  copyGrant(
    domain: DomId,
    reference: GrantRef,
    offset: number,
    buffer: Uint8Array,
    direction: "from-grant" | "to-grant",
  ): number;
  /** Frames of the domain's own. @returns null when its memory is used up. */
  takeFrames(count: number): Mfn[] | null;
  /** Access to frames of the domain's own, until the handle is released or the domain is destroyed. */
  mapOwnFrames(frames: readonly Mfn[]): MappedPages;
  /** Gives frames back to the domain's pool for {@link takeFrames}. */
  returnFrames(frames: readonly Mfn[]): void;
  /** Writes a free entry of the grant table. @returns the reference, or -ENOSPC. */
  grantFrame(frame: Mfn, to: DomId, writable: boolean): GrantRef | number;
  /** Clears an entry. @returns false while it is in use. */
  endGrant(reference: GrantRef): boolean;
  now(): Nanoseconds;
  /** Time that the domain has been on a processor, up to the beginning of the present run. */
  executed(): Nanoseconds;
  /** Sets the domain's one-shot timer: the VCPU wakes at the deadline. null: none. */
  setTimer(deadlineNs: Nanoseconds | null): void;
  shutdown(reason: ShutdownReason): void;
}
