import { FLAG, REGISTER, SEGMENT, type VcpuContext, valueOfAddress } from "@xenolith/x86-architecture";
import type { Word64 } from "@xenolith/xen-abi";
import { VMASST_TYPE_architectural_iopl } from "@xenolith/xen-abi/xen";
import { hasAssist } from "../domain.ts";
import type { UpcallState } from "../upcall-state.ts";
import type { Vcpu } from "../vcpu.ts";
import { addressIn, setLong, wordsOfAddress } from "./address-register.ts";
import { loadFlatSegments64 } from "./flat-segments.ts";
import { encodeFrame64, handlerFlags64 } from "./frame-x86-64.ts";
import type { EntryDetails, GuestEntry } from "./guest-entry.ts";
import type { SwitchMode } from "./mode-switch.ts";
import { DATA_SEGMENTS, emptyUnusableSegments } from "./segment-loading.ts";

/** Frames begin at multiples of this, below the interrupted or the registered stack pointer. */
const STACK_ALIGNMENT = 16;

/** RPL of a code selector. */
const PRIVILEGE_BITS = 3;

const aligned = (address: number): number => Math.floor(address / STACK_ALIGNMENT) * STACK_ALIGNMENT;

const wordsOf = (value: bigint): Word64 => ({
  low: Number(value & 0xffff_ffffn),
  high: Number((value >> 32n) & 0xffff_ffffn),
});

const encode = (
  vcpu: Vcpu,
  context: VcpuContext,
  wasInKernel: boolean,
  upcallMask: boolean,
  details: EntryDetails,
): Uint8Array => {
  const { selector } = context.segment(SEGMENT.cs);
  const { wideInstructionPointer: wide } = details;
  return encodeFrame64(
    context,
    {
      instructionPointer: wide === undefined ? wordsOfAddress(context.instructionPointer) : wordsOf(wide),
      codeSelector: wasInKernel ? selector & ~PRIVILEGE_BITS : selector,
      flags: context.flags,
      stackSelector: context.segment(SEGMENT.ss).selector,
      upcallMask,
      ioPrivilege: hasAssist(vcpu.domain, VMASST_TYPE_architectural_iopl) ? vcpu.ioPrivilege : 0,
    },
    {
      errorCode: details.errorCode,
      dataSelectors:
        details.savesDataSegments === true
          ? DATA_SEGMENTS.map((index) => context.segment(index).selector)
          : null,
    },
  );
};

/**
 * Entry into kernels of 64-bit guests. They run in ring 3 like their user mode: which of both was interrupted is known from
 * the VCPU alone, and shown in the RPL of the saved CS. From user mode the kernel's stack and page-table base come into force
 * before the frame is written. [XEN arch-x86/xen-x86_64.h]
 */
export const createGuestEntry64 = (upcalls: UpcallState, switchMode: SwitchMode): GuestEntry => ({
  enter(vcpu, entry, details) {
    const context = vcpu.x86?.context;
    if (context === undefined) return "no processor context";
    const { kernelMode: wasInKernel } = vcpu;
    const stack = wasInKernel ? addressIn(context, REGISTER.rsp) : vcpu.kernelStack.pointer;
    const frame = encode(vcpu, context, wasInKernel, upcalls.isMasked(vcpu), details);
    const stackPointer = aligned(stack) - frame.length;

    if (!wasInKernel) switchMode(vcpu);
    if (!vcpu.guestMemory.copyTo(stackPointer, frame)) {
      if (!wasInKernel) switchMode(vcpu);
      return `the frame cannot be written at ${valueOfAddress(stackPointer).toString(16)}`;
    }
    loadFlatSegments64(context);
    setLong(context, REGISTER.rsp, stackPointer);
    context.instructionPointer = entry.address;
    context.flags = handlerFlags64(context.flags) & ~(details.clearsDirection === true ? FLAG.df : 0);
    if (details.savesDataSegments === true) emptyUnusableSegments(context);
    if (details.masksEvents) upcalls.setMasked(vcpu, true);
    return null;
  },
});
