import type { MachineMemory } from "@xenolith/machine-interface";
import { CPUID_TABLE } from "../state/cpuid-table.ts";
import { STATE_BYTES } from "../state/layout.ts";
import type { VcpuState } from "../state/vcpu-state.ts";

/**
 * The place where generated code finds the state block of the VCPU that runs. It is fixed, so that the offset of a register
 * is part of an instruction and not the sum of two values: that is worth 5 to 15 % of the interpreter's time. A VCPU's block
 * moves in when it runs and back home when another one does; its accessor follows.
 */
export class StateWindow {
  /** Offset in machine memory. Behind the block lies the engine's {@link CPUID_TABLE}. */
  readonly base: number;
  readonly #bytes: Uint8Array;
  #resident: VcpuState | null = null;

  constructor(machine: MachineMemory) {
    this.base = machine.reserve(STATE_BYTES + CPUID_TABLE.sizeBytes);
    this.#bytes = machine.bytes;
  }

  /** Moves a block in, and home the one that was there. Costs nothing when it is there already. */
  enter(state: VcpuState): void {
    if (this.#resident === state) return;
    if (this.#resident !== null) this.leave(this.#resident);
    this.#bytes.copyWithin(this.base, state.home, state.home + STATE_BYTES);
    state.base = this.base;
    this.#resident = state;
  }

  /** Moves a block home if it is here. */
  leave(state: VcpuState): void {
    if (this.#resident !== state) return;
    this.#bytes.copyWithin(state.home, this.base, this.base + STATE_BYTES);
    state.base = state.home;
    this.#resident = null;
  }
}
