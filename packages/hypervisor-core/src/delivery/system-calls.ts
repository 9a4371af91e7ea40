import { REGISTER, SEGMENT, valueOfAddress, type X86Vcpu } from "@xenolith/x86-architecture";
import type { DispatchHypercall } from "../hypercalls/dispatch.ts";
import type { Vcpu } from "../vcpu.ts";
import type { Delivery } from "./delivery.ts";
import { FLAT_STACK_64, loadFlatSegments64 } from "./flat-segments-x86-64.ts";

/** Bytes of SYSCALL and of SYSENTER. */
const INSTRUCTION_BYTES = 2;

/** The instructions by which code of 64-bit guests enters ring 0. Each is done as the processor does it and counts as one. */
export interface SystemCalls {
  /** SYSCALL: a hypercall of the guest's kernel, a system call of its user mode. [SDM2-4.3 "SYSCALL"] */
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
    context.instructionPointer += INSTRUCTION_BYTES;
    context.setWideRegister(REGISTER.rcx, valueOfAddress(context.instructionPointer));
    context.setWideRegister(REGISTER.r11, BigInt(context.flags));
    loadFlatSegments64(context);
    if (vcpu.kernelMode) dispatch(vcpu, x86);
    else delivery.syscall(vcpu);
  },
  sysenter(vcpu, { context }) {
    context.setSegment(SEGMENT.cs, { ...context.segment(SEGMENT.cs), selector: 3 });
    context.setSegment(SEGMENT.ss, FLAT_STACK_64);
    context.instructionPointer = 0;
    context.setWideRegister(REGISTER.rsp, 0n);
    delivery.sysenter(vcpu);
  },
});
