import type { X86Vcpu } from "@xenolith/x86-architecture";
import { VMASST_TYPE_architectural_iopl } from "@xenolith/xen-abi/xen";
import { hasAssist } from "../domain.ts";
import { isInKernel } from "../rings.ts";
import type { Vcpu } from "../vcpu.ts";
import { EMULATED, type Emulation, REFUSED } from "./outcome.ts";

/**
 * Whether the virtual IOPL lets the present code use ports, CLI and STI: the kernel counts as ring 1, or as ring 0 with the
 * assist architectural_iopl; user mode as ring 3.
 */
export const hasIoPrivilege = (vcpu: Vcpu, x86: X86Vcpu): boolean => {
  const kernelRing = hasAssist(vcpu.domain, VMASST_TYPE_architectural_iopl) ? 0 : 1;
  return vcpu.ioPrivilege >= (isInKernel(vcpu, x86.context) ? kernelRing : 3);
};

/** CLI and STI: skipped with I/O privilege. The upcall mask is not touched: it is the guest's own to write. */
export const emulateInterruptFlag: Emulation = (vcpu, x86) =>
  hasIoPrivilege(vcpu, x86) ? EMULATED.next : REFUSED;
