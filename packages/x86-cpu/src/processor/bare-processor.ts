import type { Exit } from "@xenolith/machine-interface";
import type { X86Vcpu } from "@xenolith/x86-architecture";
import { Vcpu, type VcpuParts } from "../engine/vcpu.ts";
import { PENDING, STATE } from "../state/layout.ts";
import { readMsr, writeMsr } from "../system/model-specific-registers.ts";
import type { InstructionCounter } from "./instruction-counter.ts";
import { resetState } from "./reset.ts";
import { restoreState, saveState } from "./saved-state.ts";

/** A processor without a monitor. */
export interface BareVcpu extends X86Vcpu {
  /** Puts it into the state after a reset, also out of a halt. */
  reset(): void;
  /** Asks for a non-maskable interrupt: taken between two instructions, but not until the IRET of the one before. */
  raiseNmi(): void;
  /** A model-specific register, as RDMSR at ring 0 would read it. Null: there is none. */
  readMsr(index: number): bigint | null;
  /** Writes one with the checks and effects of WRMSR at ring 0. False: illegal, and nothing has changed. */
  writeMsr(index: number, value: bigint): boolean;
  /**
   * Everything a processor is, as bytes with a version: registers of all kinds, whether it is halted, its instruction count.
   * Memory and what is behind ports are not part of it. Between runs only.
   */
  save(): Uint8Array;
  /**
   * Makes it what another was when it was saved: over the same memory it goes on in the same way.
   * @throws HostError `saved-state` when the bytes come from elsewhere or from another version of this package.
   */
  restore(saved: Uint8Array): void;
}

/** A VCPU whose ring 0 is machine code. */
export class BareProcessor extends Vcpu implements BareVcpu {
  readonly #counter: InstructionCounter;

  constructor(parts: VcpuParts, counter: InstructionCounter) {
    super(parts);
    this.#counter = counter;
  }

  override run(budget: number): Exit {
    const exit = super.run(budget);
    this.#counter.finish(exit.retired);
    return exit;
  }

  reset(): void {
    resetState(this.state);
    this.wake();
  }

  readMsr(index: number): bigint | null {
    return readMsr(this, index);
  }

  writeMsr(index: number, value: bigint): boolean {
    return writeMsr(this, index, BigInt.asUintN(64, value));
  }

  raiseNmi(): void {
    this.state.setU32(STATE.pending, this.state.u32(STATE.pending) | PENDING.nmi);
  }

  save(): Uint8Array {
    const { isHalted, isShadowed } = this;
    return saveState(this.machine, this.state, { isHalted, isShadowed, retired: this.#counter.total });
  }

  restore(saved: Uint8Array): void {
    const { isHalted, isShadowed, retired } = restoreState(this.machine, this.state, saved);
    this.rest(isHalted, isShadowed);
    this.#counter.total = retired;
  }
}
