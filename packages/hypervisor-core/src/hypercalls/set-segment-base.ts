import { toLinearAddress } from "@xenolith/machine-interface";
import { SEGMENT } from "@xenolith/x86-architecture";
import { EINVAL, ENOSYS } from "@xenolith/xen-abi";
import {
  SEGBASE_FS,
  SEGBASE_GS_KERNEL,
  SEGBASE_GS_USER,
  SEGBASE_GS_USER_SEL,
} from "@xenolith/xen-abi/arch-x86";
import { __HYPERVISOR_set_segment_base } from "@xenolith/xen-abi/xen";
import { type SegmentBase, setSegmentBase } from "../emulation/segment-bases.ts";
import type { Vcpu } from "../vcpu.ts";
import type { Hypercall } from "./context.ts";

const BASES: Readonly<Record<number, SegmentBase>> = {
  [SEGBASE_FS]: "fs",
  [SEGBASE_GS_USER]: "other-gs",
  [SEGBASE_GS_KERNEL]: "gs",
};

const raised = (selector: number): number => (selector > 3 ? selector | 3 : selector);

/** Loads GS for user mode: the register is the kernel's too, the base is not. A selector that cannot be loaded becomes null. */
const loadUserGs = (vcpu: Vcpu, selector: number): void => {
  const context = vcpu.x86?.context;
  if (context === undefined) return;
  const { base } = context.segment(SEGMENT.gs);
  if (context.loadSegment(SEGMENT.gs, raised(selector)) !== 0) context.loadSegment(SEGMENT.gs, 0);
  const loaded = context.segment(SEGMENT.gs);
  vcpu.otherGsBase = toLinearAddress(loaded.base);
  context.setSegment(SEGMENT.gs, { ...loaded, base });
};

/** set_segment_base(which, base): bases of FS and GS of 64-bit guests, or the selector of the user's GS. [XEN arch-x86/xen-x86_64.h] */
export const createSetSegmentBase = (): Hypercall => ({
  number: __HYPERVISOR_set_segment_base,
  handle(call) {
    if (call.width !== "x86_64") return -ENOSYS;
    const which = call.argument32(0);
    if (which === SEGBASE_GS_USER_SEL) {
      loadUserGs(call.vcpu, call.argument32(1) & 0xffff);
      return 0;
    }
    const name = BASES[which];
    return name !== undefined && setSegmentBase(call.vcpu, name, call.argument(1)) ? 0 : -EINVAL;
  },
});
