import { EINVAL, ENOSYS, type GuestWidth } from "@xenolith/xen-abi";
import {
  __HYPERVISOR_vm_assist,
  VMASST_CMD_disable,
  VMASST_CMD_enable,
  VMASST_TYPE_4gb_segments,
  VMASST_TYPE_4gb_segments_notify,
  VMASST_TYPE_architectural_iopl,
  VMASST_TYPE_m2p_strict,
  VMASST_TYPE_pae_extended_cr3,
  VMASST_TYPE_runstate_update_flag,
  VMASST_TYPE_writable_pagetables,
} from "@xenolith/xen-abi/xen";
import { hasAssist } from "../domain.ts";
import type { Hypercall } from "./context.ts";

/** Assists that every guest may switch on, whether they mean something for its width or not. */
const COMMON = [
  VMASST_TYPE_4gb_segments,
  VMASST_TYPE_4gb_segments_notify,
  VMASST_TYPE_writable_pagetables,
  VMASST_TYPE_pae_extended_cr3,
  VMASST_TYPE_architectural_iopl,
  VMASST_TYPE_runstate_update_flag,
] as const;

/** Assists that guests of a width may switch on: those above bit 31 are beyond a 32-bit guest's `unsigned long`. [XEN xen.h] */
const ASSISTS: Readonly<Record<GuestWidth, ReadonlySet<number>>> = {
  x86_32: new Set(COMMON),
  x86_32p: new Set(COMMON),
  x86_64: new Set([...COMMON, VMASST_TYPE_m2p_strict]),
};

/** Whether a guest of a width may use an assist. */
export const isAssistKnown = (width: GuestWidth, type: number): boolean => ASSISTS[width].has(type);

/** vm_assist(command, type): switches an assist on or off. [XEN xen.h] */
export const createVmAssist = (): Hypercall => ({
  number: __HYPERVISOR_vm_assist,
  handle(call) {
    const { domain } = call;
    const type = call.argument32(1);
    if (!isAssistKnown(domain.width, type)) return -EINVAL;
    switch (call.argument32(0)) {
      case VMASST_CMD_enable:
        if (!hasAssist(domain, type)) domain.assists += 2 ** type;
        return 0;
      case VMASST_CMD_disable:
        if (hasAssist(domain, type)) domain.assists -= 2 ** type;
        return 0;
      default:
        return -ENOSYS;
    }
  },
});
