import type { StartContext } from "@xenolith/domain-interface/control";
import { FLAG, REGISTER, SEGMENT, type SegmentIndex, type SegmentState } from "@xenolith/x86-architecture";
import { EINVAL, EOPNOTSUPP } from "@xenolith/xen-abi";
import { FLAT_SELECTORS } from "@xenolith/xen-abi/arch-x86";
import { isFault, loadCodeSegment, loadStackSegment } from "../delivery/segment-loading.ts";
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
  const data = loadStackSegment(descriptors, selectors.kernelSs, kernelRing(vcpu.domain.width));
  if (isFault(cs) || isFault(data)) return null;
  return { cs, ss: data, ds: data, es: data, fs: data, gs: data };
};

/**
 * Sets the registers with which a 32-bit kernel starts: flat segments, ESP, EIP, ESI = start_info, all others 0, upcalls
 * masked. [XEN xen.h]
 * @returns 0, -EOPNOTSUPP for a width that cannot run, or -EINVAL for a VCPU without an x86 processor.
 */
export const applyStartContext = (vcpu: Vcpu, start: StartContext): number => {
  if (vcpu.domain.width === "x86_64") return -EOPNOTSUPP;
  const context = vcpu.x86?.context;
  const segments = flatSegments(vcpu);
  if (context === undefined || segments === null) return -EINVAL;
  for (const name of ["cs", "ss", "ds", "es", "fs", "gs"] as const)
    context.setSegment(INDEX[name], start.segments?.[name] ?? segments[name]);
  for (let index = REGISTER.rax; index <= REGISTER.rdi; index++) context.setRegister(index, 0);
  context.setRegister(REGISTER.rsp, start.stackPointer);
  context.setRegister(REGISTER.rsi, start.startInfo);
  context.instructionPointer = start.instructionPointer;
  context.flags = FLAG.fixed | FLAG.if;
  vcpu.kernelStack = { selector: segments.ss.selector, pointer: start.stackPointer };
  vcpu.isInitialised = true;
  return 0;
};
