import type { MappedPages } from "@xenolith/domain-interface";
import type { CrashReport, ShutdownReason } from "@xenolith/domain-interface/control";
import type { Mfn } from "@xenolith/machine-interface";
import type { DomId, GuestWidth } from "@xenolith/xen-abi";
import type { CpuPool } from "./cpu-pools.ts";
import type { Vcpu } from "./vcpu.ts";

/**
 * The hypervisor's record of one domain. It holds state and no behaviour: what may happen to it lies with the part that
 * owns the field (named at each group). Subsystems (frame table, event channels, grant tables) keep their own state by
 * {@link Domain.id}.
 */
export interface Domain {
  readonly id: DomId;
  readonly width: GuestWidth;
  /** May act on other domains where the ABI lets a privileged domain do so. */
  readonly privileged: boolean;
  /** May make `alarm_op`. */
  readonly hasAlarms: boolean;
  /**
   * What XENVER_guest_handle shows: 16 bytes, with a character for each. It is hardly ever asked for, and a string takes a
   * seventh of the memory of an array.
   */
  readonly uuid: string;
  /** Most pages the domain may ever own. */
  readonly maximumPages: number;
  /** All VCPUs by index, whether they are up or not. */
  readonly vcpus: readonly Vcpu[];

  /** Frame of the shared_info page. It belongs to the hypervisor; the domain may map it. Set by `memory/` at creation. */
  sharedInfoFrame: Mfn;
  /** Frame registered by PHYSDEVOP_pirq_eoi_gmfn, of which a reference is held; null before. */
  eoiFrame: Mfn | null;
  /** What a kernel that is not machine code has mapped of its own frames; null before. Owner: `control/domain-services.ts`. */
  ownPages: Set<MappedPages> | null;
  /** The memory map that its toolstack or itself has set: E820 entries, 20 bytes each; null before. Owner: `memory/memory-op/`. */
  memoryMap: Uint8Array | null;
  /** Assists switched on by vm_assist: bit n is that of the VMASST_TYPE_* with number n. */
  assists: number;

  /** The physical CPUs that it runs on, and their policy. Owner: `control/`. */
  pool: CpuPool;

  /** How often it is paused; it runs at 0. Starts at 1. Owner: `run-control.ts`. */
  pauseCount: number;
  /** Why it stopped, or null while it has not. Owner: `lifecycle/shutdown.ts`. */
  shutdownReason: ShutdownReason | null;
  /** Reason registered by SCHEDOP_shutdown_code, to be used instead of the one given at shutdown. */
  shutdownCode: ShutdownReason | null;
  /** Set when the reason is `crash`. */
  crash: CrashReport | null;
  /** Destruction has begun: nothing of it runs again and no new reference to it is given out. */
  dying: boolean;
}

/** Ends a domain because of what it did. Never throws, may be repeated; the first reason is kept. */
export type CrashDomain = (domain: Domain, reason: string, vcpu?: Vcpu) => void;

/** Whether an assist is switched on for a domain. */
export const hasAssist = ({ assists }: Domain, type: number): boolean => {
  const word = type < 32 ? assists : Math.floor(assists / 0x1_0000_0000);
  return ((word >>> (type & 31)) & 1) === 1;
};
