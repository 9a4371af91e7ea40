import {
  ATTRIBUTE,
  descriptorBase,
  descriptorDpl,
  descriptorLimit,
  SYSTEM_TYPE,
} from "@xenolith/x86-architecture";
import type { GuestWidth } from "@xenolith/xen-abi";

/** Entries of the GDT that a guest may fill: 14 frames. The monitor's own page of descriptors lies behind. [XEN arch-x86/xen.h] */
export const GUEST_GDT_ENTRIES = 7168;

/** A segment descriptor as its two little-endian words. */
export interface Descriptor {
  readonly low: number;
  readonly high: number;
}

const PRESENT = 0x8000;
const DPL_MASK = 0x6000;
const LONG = 0x20_0000;

/** Privilege level at which a guest's kernel runs. */
const kernelLevel = (width: GuestWidth): number => (width === "x86_64" ? 3 : 1);

/** The monitor's flat code selector for guest kernels. */
const flatKernelCode = (width: GuestWidth): number => (width === "x86_64" ? 0xe033 : 0xe019);

/** First linear address of the monitor of the 32-bit widths; segments from 0 to beyond it are widened to 4 GiB. */
const MONITOR_START = 0xf580_0000;

/** Whether a call gate may lead to a selector: a guest's GDT entry, an LDT entry, or the flat kernel code segment. */
const isGateTarget = (width: GuestWidth, selector: number): boolean =>
  selector >>> 3 < GUEST_GDT_ENTRIES || (selector & 4) !== 0 || selector === flatKernelCode(width);

const checkSegment = (width: GuestWidth, low: number, high: number): Descriptor | null => {
  if (width === "x86_64") return { low, high };
  if ((high & LONG) !== 0) return null;
  const reachesMonitor = descriptorBase(low, high) === 0 && descriptorLimit(low, high) >= MONITOR_START;
  if (width === "x86_32" || !reachesMonitor) return { low, high };
  return { low: (low | 0xffff) >>> 0, high: (high | 0xf_0000) >>> 0 };
};

/** Call gates are kept with DPL 0 so that using one faults and is emulated; the DPL moves to the selector's RPL. */
const checkCallGate = (width: GuestWidth, low: number, high: number): Descriptor | null => {
  const selector = low >>> 16;
  const reservedBits = width === "x86_64" ? 0xff : 0xe0;
  if (!isGateTarget(width, selector) || (high & reservedBits) !== 0) return null;
  const level = descriptorDpl(high);
  return {
    low: ((low & 0xffff) | (((selector & ~3) | level) << 16)) >>> 0,
    high: (high & ~DPL_MASK) >>> 0,
  };
};

/**
 * Checks a descriptor that a guest wants in its GDT or LDT and gives the one to store, or null when it is refused: privilege
 * is lowered to the guest kernel's; of system descriptors only call gates and empty ones are allowed. [XEN xen.h]
 * update_descriptor
 */
export const checkDescriptor = (width: GuestWidth, low: number, high: number): Descriptor | null => {
  if ((high & PRESENT) === 0) return { low, high };
  const least = kernelLevel(width);
  const level = Math.max(descriptorDpl(high), least);
  const lowered = ((high & ~DPL_MASK) | (level << 13)) >>> 0;
  if ((high & (ATTRIBUTE.codeOrData << 8)) !== 0) return checkSegment(width, low, lowered);
  const type = (high >>> 8) & 15;
  if (type === 0) return { low, high: lowered };
  return type === SYSTEM_TYPE.callGate ? checkCallGate(width, low, high) : null;
};
