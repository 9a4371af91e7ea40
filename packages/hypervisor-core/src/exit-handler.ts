import { EXIT, type Exit, type LinearAddress, toLinearAddress } from "@xenolith/machine-interface";
import {
  CR0,
  faultErrorCode,
  faultVector,
  PAGE_FAULT,
  type PackedFault,
  VECTOR,
  type X86Vcpu,
} from "@xenolith/x86-architecture";
import { HYPERCALL_VECTOR } from "@xenolith/xen-abi/xen";
import type { Delivery } from "./delivery/delivery.ts";
import { EMULATION_COST_NS, FAULT_COST_NS } from "./delivery/exit-cost.ts";
import { directGateOf, softwareInterruptFault } from "./delivery/software-interrupts.ts";
import { createSystemCalls } from "./delivery/system-calls.ts";
import type { CrashDomain } from "./domain.ts";
import { emulateCallGate } from "./emulation/call-gate.ts";
import { setTaskSwitched } from "./emulation/control-registers.ts";
import type { ForcedEmulation } from "./emulation/cpuid.ts";
import type { EmulatePrivileged } from "./emulation/emulate.ts";
import { EMULATED } from "./emulation/outcome.ts";
import type { DispatchHypercall } from "./hypercalls/dispatch.ts";
import type { MemoryManager } from "./memory-manager.ts";
import { guestPrivilege, isInKernel, USER_RING } from "./rings.ts";
import type { RunControl } from "./run-control.ts";
import type { Vcpu } from "./vcpu.ts";

/** Deals with the reason why an executor came back. @returns instructions that the monitor has carried out for it. */
export type HandleExit = (vcpu: Vcpu, exit: Exit) => number;

/** What handling exits is made from. */
export interface ExitParts {
  readonly memory: MemoryManager;
  readonly delivery: Delivery;
  readonly runControl: RunControl;
  readonly crash: CrashDomain;
  readonly dispatch: DispatchHypercall;
  readonly emulate: EmulatePrivileged;
  readonly emulateForced: ForcedEmulation;
}

/** Bytes of INT n: how far back the instruction lies when it is refused. */
const INT_BYTES = 2;

/** Makes the handler of exits: hypercalls, faults, software interrupts and privileged instructions. */
export const createExitHandler = (parts: ExitParts): HandleExit => {
  const { memory, delivery, runControl, crash, dispatch, emulate, emulateForced } = parts;
  const systemCalls = createSystemCalls(dispatch, delivery);

  /** Page faults of 64-bit guests all come from ring 3: the user bit is the guest's own mode. */
  const pageFault = (vcpu: Vcpu, { context }: X86Vcpu, address: LinearAddress, errorCode: number): void => {
    const user = isInKernel(vcpu, context) ? 0 : errorCode & PAGE_FAULT.user;
    delivery.pageFault(vcpu, address, (errorCode & ~PAGE_FAULT.user) | user);
  };

  const softwareInterrupt = (vcpu: Vcpu, { context }: X86Vcpu, vector: number): void => {
    const privilege = guestPrivilege(vcpu, context);
    const fault = softwareInterruptFault(vcpu, vector, privilege);
    const isDirect = privilege === USER_RING && directGateOf(vcpu, vector) !== null;
    // What the processor makes by itself takes the instruction's time, whoever makes it.
    const isQuick = isDirect || (vector === VECTOR.breakpoint && vcpu.domain.width === "x86_64");
    if (!isQuick) vcpu.chargedNs += FAULT_COST_NS;
    if (fault !== 0) {
      const back = context.instructionPointer - INT_BYTES;
      context.instructionPointer = vcpu.domain.width === "x86_64" ? back : back >>> 0;
      delivery.exception(vcpu, faultVector(fault), faultErrorCode(fault));
      return;
    }
    delivery.softwareInterrupt(vcpu, vector, isDirect);
  };

  const deliverFault = (vcpu: Vcpu, x86: X86Vcpu, fault: PackedFault): void => {
    const met = vcpu.guestMemory.fault;
    if (faultVector(fault) !== VECTOR.pageFault || met === null)
      delivery.exception(vcpu, faultVector(fault), faultErrorCode(fault));
    else pageFault(vcpu, x86, met.address, met.errorCode | PAGE_FAULT.user);
  };

  const exception = (vcpu: Vcpu, x86: X86Vcpu, { vector, errorCode, address }: Exit): number => {
    vcpu.chargedNs += FAULT_COST_NS;
    switch (vector) {
      case VECTOR.pageFault: {
        const at = toLinearAddress(address);
        if (memory.handlePageFault(vcpu, at, errorCode)) return 1;
        pageFault(vcpu, x86, at, errorCode);
        return 0;
      }
      case VECTOR.invalidOpcode:
        if (emulateForced(vcpu, x86)) return 1;
        break;
      case VECTOR.deviceNotAvailable:
        // The guest's handler finds TS cleared, so that it can load the state it wants.
        if (vcpu.cr0 & CR0.ts) setTaskSwitched(vcpu, false);
        break;
      case VECTOR.generalProtection: {
        const outcome = emulateCallGate(vcpu, x86.context, Math.max(0, errorCode));
        if (outcome === EMULATED.next) return 1;
        if (outcome === null) break;
        deliverFault(vcpu, x86, outcome);
        return 0;
      }
    }
    delivery.exception(vcpu, vector, Math.max(0, errorCode));
    return 0;
  };

  /** Enters ring 0 by an instruction that guests have for it, 32-bit ones for a callback. @returns whether it was one. */
  const systemCall = (vcpu: Vcpu, x86: X86Vcpu): boolean => {
    const isWide = vcpu.domain.width === "x86_64";
    switch (x86.privilegedOperation.mnemonic) {
      case "syscall":
        if (!isWide) return false;
        systemCalls.syscall(vcpu, x86);
        return true;
      case "sysenter":
        if (!isWide && !vcpu.callbacks.sysenter?.address) return false;
        systemCalls.sysenter(vcpu, x86);
        return true;
      default:
        return false;
    }
  };

  const privileged = (vcpu: Vcpu, x86: X86Vcpu): number => {
    if (systemCall(vcpu, x86)) return 1;
    vcpu.chargedNs += EMULATION_COST_NS;
    const outcome = emulate(vcpu, x86);
    if (outcome === EMULATED.next) return 1;
    deliverFault(vcpu, x86, outcome);
    return 0;
  };

  /** Whether `int $0x82` is a hypercall: in kernels of 32-bit guests. */
  const callsByInterrupt = (vcpu: Vcpu, { context }: X86Vcpu): boolean =>
    vcpu.domain.width !== "x86_64" && isInKernel(vcpu, context);

  const interrupt = (vcpu: Vcpu, x86: X86Vcpu, exit: Exit): number => {
    if (!exit.software) return exception(vcpu, x86, exit);
    if (exit.vector === HYPERCALL_VECTOR && callsByInterrupt(vcpu, x86)) dispatch(vcpu, x86);
    else softwareInterrupt(vcpu, x86, exit.vector);
    return 0;
  };

  return (vcpu, exit) => {
    const { x86 } = vcpu;
    switch (exit.kind) {
      case EXIT.halt:
        runControl.block(vcpu);
        return 0;
      case EXIT.interrupt:
        return x86 === null ? 0 : interrupt(vcpu, x86, exit);
      case EXIT.privileged:
        return x86 === null ? 0 : privileged(vcpu, x86);
      case EXIT.shutdown:
        crash(vcpu.domain, "the processor cannot go on", vcpu);
        return 0;
      default:
        return 0;
    }
  };
};
