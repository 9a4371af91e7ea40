import { EXIT, type Exit, toLinearAddress } from "@xenolith/machine-interface";
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
import { directGateOf, softwareInterruptFault } from "./delivery/software-interrupts.ts";
import type { CrashDomain } from "./domain.ts";
import { setTaskSwitched } from "./emulation/control-registers.ts";
import type { ForcedEmulation } from "./emulation/cpuid.ts";
import type { EmulatePrivileged } from "./emulation/emulate.ts";
import { EMULATED } from "./emulation/outcome.ts";
import type { DispatchHypercall } from "./hypercalls/dispatch.ts";
import type { MemoryManager } from "./memory-manager.ts";
import { kernelRing, USER_RING } from "./rings.ts";
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
/**
 * Cost of emulating a privileged instruction: leaving the guest, decoding, coming back. Without it a guest that polls with
 * such instructions (GRUB reads the time with CPUID and RDTSC) would poll millions of times in a second of its time.
 */
const EMULATION_COST_NS = 1_000;

/** Cost of handing a fault to the guest's kernel. It also lets time pass for a guest that does nothing but fault. */
const FAULT_COST_NS = 500;

/** Makes the handler of exits: hypercalls, faults, software interrupts and privileged instructions. */
export const createExitHandler = (parts: ExitParts): HandleExit => {
  const { memory, delivery, runControl, crash, dispatch, emulate, emulateForced } = parts;

  const softwareInterrupt = (vcpu: Vcpu, { context }: X86Vcpu, vector: number): void => {
    const { privilege } = context;
    const fault = softwareInterruptFault(vcpu, vector, privilege);
    if (fault !== 0) {
      context.instructionPointer = (context.instructionPointer - INT_BYTES) >>> 0;
      delivery.exception(vcpu, faultVector(fault), faultErrorCode(fault));
      return;
    }
    const isDirect = privilege === USER_RING && directGateOf(vcpu, vector) !== null;
    delivery.softwareInterrupt(vcpu, vector, isDirect);
  };

  const exception = (vcpu: Vcpu, x86: X86Vcpu, { vector, errorCode, address }: Exit): number => {
    vcpu.chargedNs += FAULT_COST_NS;
    switch (vector) {
      case VECTOR.pageFault: {
        const at = toLinearAddress(address);
        if (!memory.handlePageFault(vcpu, at, errorCode)) delivery.pageFault(vcpu, at, errorCode);
        return 0;
      }
      case VECTOR.invalidOpcode:
        if (emulateForced(vcpu, x86)) return 1;
        break;
      case VECTOR.deviceNotAvailable:
        // The guest's handler finds TS cleared, so that it can load the state it wants.
        if (vcpu.cr0 & CR0.ts) setTaskSwitched(vcpu, false);
        break;
    }
    delivery.exception(vcpu, vector, Math.max(0, errorCode));
    return 0;
  };

  const deliverFault = (vcpu: Vcpu, x86: X86Vcpu, fault: PackedFault): void => {
    const met = vcpu.guestMemory.fault;
    if (faultVector(fault) !== VECTOR.pageFault || met === null)
      delivery.exception(vcpu, faultVector(fault), faultErrorCode(fault));
    else {
      const user = x86.context.privilege === USER_RING ? PAGE_FAULT.user : 0;
      delivery.pageFault(vcpu, met.address, met.errorCode | user);
    }
  };

  const privileged = (vcpu: Vcpu, x86: X86Vcpu): number => {
    vcpu.chargedNs += EMULATION_COST_NS;
    const outcome = emulate(vcpu, x86);
    if (outcome === EMULATED.next) return 1;
    deliverFault(vcpu, x86, outcome);
    return 0;
  };

  const interrupt = (vcpu: Vcpu, x86: X86Vcpu, exit: Exit): number => {
    if (!exit.software) return exception(vcpu, x86, exit);
    if (exit.vector === HYPERCALL_VECTOR && x86.context.privilege === kernelRing(vcpu.domain.width))
      dispatch(vcpu, x86);
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
