import { toLinearAddress } from "@xenolith/machine-interface";
import { SEGMENT } from "@xenolith/x86-architecture";
import type { MemoryManager } from "../memory-manager.ts";
import type { Vcpu } from "../vcpu.ts";

/**
 * Changes a 64-bit guest between its kernel and its user mode: page-table base, and base of GS as SWAPGS does it. Both run in
 * ring 3, so that nothing else tells them apart. The caller has seen that there is a base to go to.
 */
export type SwitchMode = (vcpu: Vcpu) => void;

/** Makes the switch of modes. */
export const createModeSwitch =
  (memory: Pick<MemoryManager, "toggleUserMode">): SwitchMode =>
  (vcpu) => {
    memory.toggleUserMode(vcpu);
    const context = vcpu.x86?.context;
    if (context === undefined) return;
    const gs = context.segment(SEGMENT.gs);
    context.setSegment(SEGMENT.gs, { ...gs, base: vcpu.otherGsBase });
    vcpu.otherGsBase = toLinearAddress(gs.base);
  };
