import { REGISTER, SEGMENT, type X86Vcpu } from "@xenolith/x86-architecture";
import type { DispatchHypercall } from "../hypercalls/dispatch.ts";
import type { Vcpu } from "../vcpu.ts";
import { setLong } from "./address-register.ts";
import type { Delivery } from "./delivery.ts";
import { FLAT_STACK_64, flatUserSegments, loadFlatSegments64 } from "./flat-segments.ts";

/** Bytes of SYSCALL and of SYSENTER. */
const INSTRUCTION_BYTES = 2;

/** Selector of code in ring 3 that is nowhere: SYSENTER forgets where it was. */
const FORGOTTEN = 3;

/** The instructions by which guests' code enters ring 0. Each is done as the processor does it and counts as one. */
export interface SystemCalls {
  /** SYSCALL of 64-bit guests: a hypercall of the guest's kernel, a system call of its user mode. [SDM2-4.3 "SYSCALL"] */
  syscall(vcpu: Vcpu, x86: X86Vcpu): void;
  /** SYSENTER: forgets where it came from. [SDM2-4.3] */
  sysenter(vcpu: Vcpu, x86: X86Vcpu): void;
}

/** Makes the entries. */
export const createSystemCalls = (
  dispatch: DispatchHypercall,
  delivery: Pick<Delivery, "syscall" | "sysenter">,
): SystemCalls => ({
  syscall(vcpu, x86) {
    const { context } = x86;
    const next = context.instructionPointer + INSTRUCTION_BYTES;
    context.instructionPointer = next;
    setLong(context, REGISTER.rcx, next);
    context.setRegister(REGISTER.r11, context.flags);
    loadFlatSegments64(context);
    if (vcpu.kernelMode) dispatch(vcpu, x86);
    else delivery.syscall(vcpu);
  },
  sysenter(vcpu, { context }) {
    const { width } = vcpu.domain;
    const { code, stack } =
      width === "x86_64"
        ? { code: context.segment(SEGMENT.cs), stack: FLAT_STACK_64 }
        : flatUserSegments(width);
    context.setSegment(SEGMENT.cs, { ...code, selector: FORGOTTEN });
    context.setSegment(SEGMENT.ss, stack);
    context.instructionPointer = 0;
    context.setRegister(REGISTER.rsp, 0);
    delivery.sysenter(vcpu);
  },
});
