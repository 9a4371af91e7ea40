import type { DirectGate } from "@xenolith/machine-interface";
import { type PackedFault, packFault, SELECTOR_ERROR, VECTOR } from "@xenolith/x86-architecture";
import { kernelRing, USER_RING } from "../rings.ts";
import type { TrapGate } from "../trap-table.ts";
import type { Vcpu } from "../vcpu.ts";

/** The one vector that may enter a guest kernel without an exit: its system call. [SOSP03 3.1] */
export const FAST_TRAP_VECTOR = 0x80;

/** Whether INT n, INT3 and INTO reach a vector whatever its gate says: the processor's gates of 3 and 4 are open to all. */
const isOpenToAll = (vector: number): boolean => vector === VECTOR.breakpoint || vector === VECTOR.overflow;

/**
 * Whether code at `privilege` may enter a gate by a software interrupt: level 0 nobody, 1 and 2 the kernel, 3 everyone.
 * [XEN arch-x86/xen.h]
 */
const isPermitted = (gate: TrapGate | null, privilege: number): boolean =>
  gate !== null && gate.privilegeLevel > 0 && gate.privilegeLevel >= privilege;

/** The fault a software interrupt raises where its gate may not be used, or 0. [SDM3A-6.12.1.1] */
export const softwareInterruptFault = (vcpu: Vcpu, vector: number, privilege: number): PackedFault | 0 =>
  isOpenToAll(vector) || isPermitted(vcpu.traps.get(vector), privilege)
    ? 0
    : packFault(VECTOR.generalProtection, (vector << 3) | SELECTOR_ERROR.idt);

/**
 * The direct gate that does what delivery of a software interrupt from ring 3 would do, or null where there can be none: only
 * the system-call vector, open to ring 3, with a handler in ring 1 that does not mask events (the engine cannot).
 */
export const directGateOf = (vcpu: Vcpu, vector: number): DirectGate | null => {
  const gate = vcpu.traps.get(vector);
  if (vector !== FAST_TRAP_VECTOR || vcpu.domain.width === "x86_64") return null;
  if (gate === null || gate.address === 0) return null;
  if (
    gate.masksEvents ||
    !isPermitted(gate, USER_RING) ||
    (gate.codeSelector & 3) !== kernelRing(vcpu.domain.width)
  )
    return null;
  return {
    vector,
    fromPrivilege: USER_RING,
    frame: "hardware",
    codeSelector: gate.codeSelector,
    target: gate.address,
  };
};

/** Puts the engine's direct gates in step with the trap table. */
export const refreshDirectGates = (vcpu: Vcpu): void =>
  vcpu.x86?.setDirectGate(FAST_TRAP_VECTOR, directGateOf(vcpu, FAST_TRAP_VECTOR));
