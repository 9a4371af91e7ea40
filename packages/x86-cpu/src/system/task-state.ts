import { type PackedFault, SEGMENT, TSS16, TSS32, TSS64 } from "@xenolith/x86-architecture";
import { accessFault, isAccessFault, type ProcessorCore } from "../engine/system-operations.ts";
import { addressOfWords } from "./canonical.ts";
import { selectorError } from "./descriptor.ts";
import { generalProtection, invalidTss } from "./faults.ts";
import { isSmallTask } from "./task-image.ts";

/** Stack of an inner privilege level. */
export interface InnerStack {
  readonly selector: number;
  readonly pointer: number;
}

/** Reads the stack of privilege level 0, 1 or 2 from the TSS, or the fault. [SDM3A-7.2.1] */
export const readInnerStack = (
  core: ProcessorCore,
  privilege: number,
  external = 0,
): InnerStack | PackedFault => {
  const { selector, base, limit, attributes } = core.state.segment(SEGMENT.tr);
  const small = isSmallTask(attributes);
  const offset = small ? TSS16.sp0 + 4 * privilege : TSS32.esp0 + 8 * privilege;
  if (attributes === 0 || offset + (small ? 3 : 5) > limit)
    return invalidTss(selectorError(selector, external));
  const pointer = small
    ? core.memory.read16(base + offset, "supervisor")
    : core.memory.read32(base + offset, "supervisor");
  if (isAccessFault(pointer)) return accessFault(pointer);
  const stackSelector = core.memory.read16(base + offset + (small ? 2 : 4), "supervisor");
  if (isAccessFault(stackSelector)) return accessFault(stackSelector);
  return { selector: stackSelector, pointer };
};

/** Reads a stack pointer of the 64-bit TSS at an offset, or the fault. */
const readStackPointer = (
  core: ProcessorCore,
  offset: number,
  external: number,
): { readonly pointer: number } | PackedFault => {
  const { selector, base, limit, attributes } = core.state.segment(SEGMENT.tr);
  if (attributes === 0 || offset + 7 > limit) return invalidTss(selectorError(selector, external));
  const fault = core.memory.read64(base + offset, "supervisor");
  if (fault !== 0) return fault;
  return { pointer: addressOfWords(core.memory.low, core.memory.high) };
};

/** Reads RSP0, RSP1 or RSP2 from the 64-bit TSS, or the fault. [SDM3A-7.7] */
export const readPrivilegeStack = (
  core: ProcessorCore,
  privilege: number,
  external = 0,
): { readonly pointer: number } | PackedFault => readStackPointer(core, TSS64.rsp0 + 8 * privilege, external);

/** Reads IST1 to IST7 from the 64-bit TSS, or the fault. [SDM3A-6.14.5] */
export const readInterruptStack = (
  core: ProcessorCore,
  number: number,
  external = 0,
): { readonly pointer: number } | PackedFault =>
  readStackPointer(core, TSS64.ist1 + 8 * (number - 1), external);

/** Bytes of the map of redirected interrupts, which lies below that of ports. */
const REDIRECTION_BYTES = 32;

/**
 * Asks the TSS whether INT `vector` of virtual-8086 mode goes to the program's own handler.
 * @returns that, or the fault of reading the map; what has no map faults. [SDM3A-21.3]
 */
export const isInterruptRedirected = (core: ProcessorCore, vector: number): boolean | PackedFault => {
  const { base, limit, attributes } = core.state.segment(SEGMENT.tr);
  if (attributes === 0 || isSmallTask(attributes) || TSS32.ioMap + 1 > limit) return generalProtection(0);
  const map = core.memory.read16(base + TSS32.ioMap, "supervisor");
  if (isAccessFault(map)) return accessFault(map);
  const offset = map - REDIRECTION_BYTES + (vector >> 3);
  if (offset < 0 || offset > limit) return generalProtection(0);
  const bits = core.memory.read8(base + offset, "supervisor");
  if (isAccessFault(bits)) return accessFault(bits);
  return ((bits >>> (vector & 7)) & 1) === 0;
};

/**
 * Asks the I/O permission map of the TSS about ports `port` to `port + sizeBytes - 1`.
 * @returns whether all of them are allowed, or the fault of reading the map. [SDM1-19.5.2]
 */
export const isPortPermitted = (
  core: ProcessorCore,
  port: number,
  sizeBytes: number,
): boolean | PackedFault => {
  const { base, limit, attributes } = core.state.segment(SEGMENT.tr);
  if (attributes === 0 || isSmallTask(attributes) || TSS32.ioMap + 1 > limit) return false;
  const map = core.memory.read16(base + TSS32.ioMap, "supervisor");
  if (isAccessFault(map)) return accessFault(map);
  const offset = map + (port >> 3);
  // Two bytes are always read, so the byte behind the last one in use must be within the limit too.
  if (offset + 1 > limit) return false;
  const bits = core.memory.read16(base + offset, "supervisor");
  if (isAccessFault(bits)) return accessFault(bits);
  return ((bits >>> (port & 7)) & ((1 << sizeBytes) - 1)) === 0;
};
