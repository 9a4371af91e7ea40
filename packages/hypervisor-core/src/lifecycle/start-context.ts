import type { StartContext } from "@xenolith/domain-interface/control";
import {
  FLAG,
  REGISTER,
  SEGMENT,
  type SegmentIndex,
  type SegmentState,
  type VcpuContext,
  valueOfAddress,
} from "@xenolith/x86-architecture";
import { EINVAL } from "@xenolith/xen-abi";
import { FLAT_SELECTORS } from "@xenolith/xen-abi/arch-x86";
import { isFault, loadCodeSegment, loadStackSegment, nullSegment } from "../delivery/segment-loading.ts";
import { kernelRing } from "../rings.ts";
import type { Vcpu } from "../vcpu.ts";

type SegmentName = keyof NonNullable<StartContext["segments"]>;

const INDEX: Readonly<Record<SegmentName, SegmentIndex>> = {
  cs: SEGMENT.cs,
  ss: SEGMENT.ss,
  ds: SEGMENT.ds,
  es: SEGMENT.es,
  fs: SEGMENT.fs,
  gs: SEGMENT.gs,
};

/** The flat segments of a kernel, by register. null: the monitor's descriptors are not there. */
const flatSegments = (vcpu: Vcpu): Record<SegmentName, SegmentState> | null => {
  const { descriptors } = vcpu;
  if (descriptors === null) return null;
  const selectors = FLAT_SELECTORS[vcpu.domain.width];
  const cs = loadCodeSegment(descriptors, selectors.kernelCs);
  const ss = loadStackSegment(descriptors, selectors.kernelSs, kernelRing(vcpu.domain.width));
  if (isFault(cs) || isFault(ss)) return null;
  // 64-bit kernels have no use for data segments.
  const data = selectors.kernelDs === 0 ? nullSegment(0) : ss;
  return { cs, ss, ds: data, es: data, fs: data, gs: data };
};

/** Puts an address into a register, as wide as the guest. */
const writeAddress = (vcpu: Vcpu, context: VcpuContext, index: number, address: number): void => {
  if (vcpu.domain.width === "x86_64") context.setWideRegister(index, valueOfAddress(address));
  else context.setRegister(index, address);
};

/**
 * Sets the registers with which a kernel starts: flat segments, stack and instruction pointer, RSI = start_info, all others
 * 0, upcalls masked. [XEN xen.h]
 * @returns 0, or -EINVAL for a VCPU without an x86 processor.
 */
export const applyStartContext = (vcpu: Vcpu, start: StartContext): number => {
  const context = vcpu.x86?.context;
  const segments = flatSegments(vcpu);
  if (context === undefined || segments === null) return -EINVAL;
  for (const name of ["cs", "ss", "ds", "es", "fs", "gs"] as const)
    context.setSegment(INDEX[name], start.segments?.[name] ?? segments[name]);
  for (let index = REGISTER.rax; index <= REGISTER.r15; index++) context.setRegister(index, 0);
  writeAddress(vcpu, context, REGISTER.rsp, start.stackPointer);
  writeAddress(vcpu, context, REGISTER.rsi, start.startInfo);
  context.instructionPointer = start.instructionPointer;
  context.flags = FLAG.fixed | FLAG.if;
  vcpu.kernelStack = { selector: segments.ss.selector, pointer: start.stackPointer };
  vcpu.isInitialised = true;
  return 0;
};
