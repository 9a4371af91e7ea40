import {
  type PackedFault,
  type PrivilegedOperation,
  packFault,
  VECTOR,
  type X86Vcpu,
} from "@xenolith/x86-architecture";
import { isInKernel } from "../rings.ts";
import type { Vcpu } from "../vcpu.ts";

/**
 * What emulating an instruction led to: `next`: done, the guest goes on behind it; `stay`: the instruction pointer is as it
 * should be (one piece of a repeated instruction is done). Any other number is a {@link PackedFault} for the guest, and
 * nothing has happened.
 */
export const EMULATED = { next: 0, stay: 1 } as const;

/** One value of {@link EMULATED}, or a fault. */
export type EmulationOutcome = number | PackedFault;

/** Emulates one kind of instruction. `x86` is the VCPU's processor, `operation` what its exit described. Must not throw. */
export type Emulation = (vcpu: Vcpu, x86: X86Vcpu, operation: PrivilegedOperation) => EmulationOutcome;

/** #GP(0): what the guest gets for an instruction that is not emulated for it. */
export const REFUSED: PackedFault = packFault(VECTOR.generalProtection, 0);

/** Allows an emulation to the guest's kernel only. */
export const kernelOnly =
  (emulate: Emulation): Emulation =>
  (vcpu, x86, operation) =>
    isInKernel(vcpu, x86.context) ? emulate(vcpu, x86, operation) : REFUSED;
