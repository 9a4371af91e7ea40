import { REGISTER, SEGMENT, type VcpuContext } from "@xenolith/x86-architecture";
import { VMASST_TYPE_architectural_iopl } from "@xenolith/xen-abi/xen";
import { hasAssist } from "../domain.ts";
import { kernelRing } from "../rings.ts";
import type { UpcallState } from "../upcall-state.ts";
import { encodeFrame32, handlerFlags32 } from "./frame-x86-32.ts";
import type { GuestEntry, InterruptedState } from "./guest-entry.ts";
import {
  DATA_SEGMENTS,
  emptyUnusableSegments,
  isFault,
  isWithinLimit,
  loadCodeSegment,
  loadStackSegment,
} from "./segment-loading.ts";

const KERNEL_RING = kernelRing("x86_32");

const stateOf = (context: VcpuContext): InterruptedState => ({
  instructionPointer: context.instructionPointer,
  codeSelector: context.segment(SEGMENT.cs).selector,
  flags: context.flags,
  stackPointer: context.register(REGISTER.rsp),
  stackSegment: context.segment(SEGMENT.ss),
  privilege: context.privilege,
});

/** Entry into kernels of 32-bit guests, who run in ring 1. */
export const createGuestEntry32 = (upcalls: UpcallState): GuestEntry => ({
  enter(vcpu, entry, details) {
    const { x86, descriptors } = vcpu;
    if (x86 === null || descriptors === null) return "no processor context";
    const { context } = x86;
    const from = details.interrupted ?? stateOf(context);
    const withStack = from.privilege > KERNEL_RING;

    const stack = withStack
      ? loadStackSegment(descriptors, vcpu.kernelStack.selector, KERNEL_RING)
      : from.stackSegment;
    if (isFault(stack))
      return `kernel stack selector ${vcpu.kernelStack.selector.toString(16)} is not usable`;
    const code = loadCodeSegment(descriptors, entry.codeSelector);
    if (isFault(code) || (code.selector & 3) !== KERNEL_RING)
      return `code selector ${entry.codeSelector.toString(16)} of the handler is not usable`;

    const upcallMask = upcalls.isMasked(vcpu);
    const [ds, es, fs, gs] = DATA_SEGMENTS.map((index) => context.segment(index).selector);
    const frame = encodeFrame32(
      {
        instructionPointer: from.instructionPointer,
        codeSelector: from.codeSelector,
        flags: from.flags,
        stackPointer: from.stackPointer,
        stackSelector: from.stackSegment.selector,
        upcallMask: upcallMask && details.hardwareFrame !== true,
        ioPrivilege: hasAssist(vcpu.domain, VMASST_TYPE_architectural_iopl) ? vcpu.ioPrivilege : 0,
      },
      {
        errorCode: details.errorCode,
        withStack,
        dataSelectors: details.savesDataSegments === true ? [ds ?? 0, es ?? 0, fs ?? 0, gs ?? 0] : null,
      },
    );
    const stackPointer = ((withStack ? vcpu.kernelStack.pointer : from.stackPointer) - frame.length) >>> 0;
    const linear = (stack.base + stackPointer) >>> 0;
    if (!isWithinLimit(stack, stackPointer, frame.length) || !vcpu.guestMemory.copyTo(linear, frame))
      return `the frame cannot be written at ${linear.toString(16)}`;

    context.setSegment(SEGMENT.cs, code);
    context.setSegment(SEGMENT.ss, stack);
    context.setRegister(REGISTER.rsp, stackPointer);
    context.instructionPointer = entry.address;
    context.flags = handlerFlags32(from.flags);
    if (details.savesDataSegments === true) emptyUnusableSegments(context);
    if (details.masksEvents) upcalls.setMasked(vcpu, true);
    return null;
  },
});
