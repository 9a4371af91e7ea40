import type { X86Vcpu } from "@xenolith/x86-architecture";
import { VMASST_TYPE_architectural_iopl } from "@xenolith/xen-abi/xen";
import { hasAssist } from "../domain.ts";
import type { MemoryManager } from "../memory-manager.ts";
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

/** Whether the present code may use all of `sizeBytes` ports from one on: by I/O privilege, or by the guest's bitmap. */
export type MayUsePorts = (vcpu: Vcpu, x86: X86Vcpu, port: number, sizeBytes: number) => boolean;

/** Makes the check. The bitmap lies in the kernel's address space, whichever runs. */
export const createPortCheck = ({ toggleUserMode }: Pick<MemoryManager, "toggleUserMode">): MayUsePorts => {
  /** A byte of the bitmap. One that cannot be read allows nothing. */
  const byteAt = ({ guestMemory }: Vcpu, address: number): number =>
    guestMemory.read(address, 1)?.getUint8(0) ?? 0xff;

  return (vcpu, x86, port, sizeBytes) => {
    if (hasIoPrivilege(vcpu, x86)) return true;
    const { portBitmap, kernelMode } = vcpu;
    if (portBitmap === null || portBitmap.ports <= port + sizeBytes) return false;
    const at = portBitmap.address + (port >>> 3);
    if (!kernelMode) toggleUserMode(vcpu);
    const bits = byteAt(vcpu, at) | (byteAt(vcpu, at + 1) << 8);
    if (!kernelMode) toggleUserMode(vcpu);
    return (bits & (((1 << sizeBytes) - 1) << (port & 7))) === 0;
  };
};

/** CLI and STI: skipped with I/O privilege. The upcall mask is not touched: it is the guest's own to write. */
export const emulateInterruptFlag: Emulation = (vcpu, x86) =>
  hasIoPrivilege(vcpu, x86) ? EMULATED.next : REFUSED;
