import type { Nanoseconds } from "@xenolith/machine-interface";
import type { GuestWidth, Word64 } from "@xenolith/xen-abi";
import type { Domain } from "../domain.ts";
import type { GuestMemory } from "../guest-memory.ts";
import type { Vcpu } from "../vcpu.ts";
import { type HypercallContext, type HypercallResult, RESTARTED } from "./context.ts";

/** Where the arguments of a call are: the guest's registers, or an entry of a multicall. */
export interface ArgumentSource {
  /** Low 32 bits of an argument, unsigned. */
  low(index: number): number;
  /** High 32 bits of an argument, unsigned; 0 on 32-bit widths. */
  high(index: number): number;
}

/** Work charged to one call after which a batch stops, so that others get their turn. */
const PREEMPT_AFTER_NS = 100_000;

const TWO_32 = 0x1_0000_0000;

/** Asks whether something waits that the guest, or the scheduler, has to see before a long call goes on. */
export type InterruptionCheck = (vcpu: Vcpu) => boolean;

/** State of one call under way. */
export class CallState implements HypercallContext {
  readonly vcpu: Vcpu;
  readonly domain: Domain;
  readonly width: GuestWidth;
  readonly guest: GuestMemory;
  /** Arguments that the call is to be made again with, after {@link restart}. */
  restartArguments: readonly number[] | null = null;
  readonly #arguments: ArgumentSource;
  readonly #isInterrupted: InterruptionCheck;
  readonly #chargedBefore: number;

  constructor(vcpu: Vcpu, source: ArgumentSource, isInterrupted: InterruptionCheck) {
    this.vcpu = vcpu;
    this.domain = vcpu.domain;
    this.width = vcpu.domain.width;
    this.guest = vcpu.guestMemory;
    this.#arguments = source;
    this.#isInterrupted = isInterrupted;
    this.#chargedBefore = vcpu.chargedNs;
  }

  argument(index: number): number {
    const low = this.#arguments.low(index);
    return this.width === "x86_64" ? (this.#arguments.high(index) | 0) * TWO_32 + low : low;
  }

  argument32(index: number): number {
    return this.#arguments.low(index);
  }

  argumentWord(index: number): Word64 {
    return { low: this.#arguments.low(index), high: this.#arguments.high(index) };
  }

  charge(costNs: Nanoseconds): void {
    this.vcpu.chargedNs += costNs;
  }

  shouldPreempt(): boolean {
    return this.vcpu.chargedNs - this.#chargedBefore >= PREEMPT_AFTER_NS || this.#isInterrupted(this.vcpu);
  }

  restart(args: readonly number[]): HypercallResult {
    this.restartArguments = args;
    return RESTARTED;
  }
}
