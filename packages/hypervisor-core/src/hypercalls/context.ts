import type { Nanoseconds } from "@xenolith/machine-interface";
import type { GuestWidth, Word64 } from "@xenolith/xen-abi";
import type { Domain } from "../domain.ts";
import type { GuestMemory } from "../guest-memory.ts";
import type { Vcpu } from "../vcpu.ts";

/** Answer of a call that has set the guest's registers itself (iret): no result is written. */
export const REGISTERS_SET: unique symbol = Symbol("registers set");

/** Answer of a call that is to be made again by the guest: see {@link HypercallContext.restart}. */
export const RESTARTED: unique symbol = Symbol("restarted");

/** What a hypercall answers: a value of at least 0, a negative errno, or one of the two special answers. */
export type HypercallResult = number | typeof REGISTERS_SET | typeof RESTARTED;

/** One hypercall being carried out, by itself or as an entry of a multicall. Valid until its handler returns. */
export interface HypercallContext {
  readonly vcpu: Vcpu;
  readonly domain: Domain;
  readonly width: GuestWidth;
  /** The calling VCPU's memory, with the guest kernel's rights. */
  readonly guest: GuestMemory;
  /** An argument by position, 0 to 5, as an address: unsigned on 32-bit widths, sign-extended on x86_64. */
  argument(index: number): number;
  /** Low 32 bits of an argument, unsigned: counts, commands, domain identifiers. */
  argument32(index: number): number;
  /** All bits of an argument: page-table entries. The high half is 0 on 32-bit widths. */
  argumentWord(index: number): Word64;
  /** Accounts for work that would have taken this long on a processor, beyond the instruction itself. */
  charge(costNs: Nanoseconds): void;
  /**
   * Whether a long operation should stop here: an event waits for the guest and is not masked, or much has been charged.
   * Asked between the elements of a batch; never true before the first one is done.
   */
  shouldPreempt(): boolean;
  /**
   * Ends the call so that the guest makes it again at once, with these arguments (those not given stay): the guest sees
   * pending events before. In a multicall the entry is rewritten. The handler returns what this returns.
   */
  restart(args: readonly number[]): HypercallResult;
}

/** One hypercall. Each handler file exports a factory of these; `hypercalls/table.ts` collects them by number. */
export interface Hypercall {
  /** `__HYPERVISOR_*` */
  readonly number: number;
  /** Carries the call out. Must not throw, whatever the arguments are. */
  handle(call: HypercallContext): HypercallResult;
}
