import type { TraceSink } from "@xenolith/trace";
import type { PrivilegedOperation, X86Vcpu } from "@xenolith/x86-architecture";
import { HYPERVISOR_TRACE } from "../trace.ts";
import type { Vcpu } from "../vcpu.ts";
import { type ControlRegisterParts, createControlRegisterEmulations } from "./control-registers.ts";
import { createCpuidEmulation } from "./cpuid.ts";
import type { CpuidPolicy } from "./cpuid-policy.ts";
import { emulateReadDebug, emulateWriteDebug } from "./debug-registers.ts";
import { createPortCheck, emulateInterruptFlag } from "./io-privilege.ts";
import { createMsrEmulations, type MsrParts } from "./msr.ts";
import { EMULATED, type Emulation, type EmulationOutcome, kernelOnly, REFUSED } from "./outcome.ts";
import { createPortEmulations } from "./port-io.ts";
import { createTimestampEmulation } from "./timestamp.ts";

/** What emulation is made from. */
export interface EmulationParts extends ControlRegisterParts, MsrParts {
  readonly cpuidPolicy: CpuidPolicy;
  readonly trace: TraceSink;
}

/** Emulates the instruction behind an exit of kind `privileged`. @returns 0, or the fault to deliver. */
export type EmulatePrivileged = (vcpu: Vcpu, x86: X86Vcpu) => EmulationOutcome;

type Mnemonic = PrivilegedOperation["mnemonic"];

/**
 * Makes the emulation of privileged instructions: exactly those that a paravirtual guest may rely on. All others (HLT,
 * INVLPG, LGDT, LIDT, LLDT, LTR, LMSW, INVD, RDPMC …) are #GP(0).
 */
export const createEmulation = (parts: EmulationParts): EmulatePrivileged => {
  const control = createControlRegisterEmulations(parts);
  const msr = createMsrEmulations(parts);
  const traceEmulate = parts.trace.define(HYPERVISOR_TRACE.emulate);
  const emulations: Partial<Record<Mnemonic, Emulation>> = {
    ...createPortEmulations(createPortCheck(parts.memory)),
    cli: emulateInterruptFlag,
    sti: emulateInterruptFlag,
    clts: control.clearTaskSwitched,
    wbinvd: kernelOnly(() => EMULATED.next),
    "mov-from-cr": control.read,
    "mov-to-cr": control.write,
    "mov-from-dr": emulateReadDebug,
    "mov-to-dr": emulateWriteDebug,
    rdmsr: msr.read,
    wrmsr: msr.write,
    rdtsc: createTimestampEmulation(parts.timestamp, false),
    rdtscp: createTimestampEmulation(parts.timestamp, true),
    cpuid: createCpuidEmulation(parts.cpuidPolicy),
  };

  return (vcpu, x86) => {
    const operation = x86.privilegedOperation;
    const { context } = x86;
    const { trace } = parts;
    if (trace.on) trace.record(traceEmulate, vcpu.domain.id, vcpu.index, context.instructionPointer);
    const emulate = emulations[operation.mnemonic];
    if (emulate === undefined) return REFUSED;
    const behind = context.instructionPointer + operation.lengthBytes;
    const outcome = emulate(vcpu, x86, operation);
    if (outcome === EMULATED.next)
      context.instructionPointer = vcpu.domain.width === "x86_64" ? behind : behind >>> 0;
    return outcome === EMULATED.stay ? EMULATED.next : outcome;
  };
};
