import type { VcpuContext } from "@xenolith/x86-architecture";
import type { GuestWidth } from "@xenolith/xen-abi";
import type { Vcpu } from "./vcpu.ts";

/** Ring of user mode in every width. */
export const USER_RING = 3;

/** Ring that a guest's kernel runs in: 1 on 32-bit widths; on x86_64, where only pages protect it, 3. [SOSP03 3.1] */
export const kernelRing = (width: GuestWidth): 1 | 3 => (width === "x86_64" ? 3 : 1);

/** Ring as which a guest's kernel counts where the privilege of a gate or of I/O is asked for, in every width. */
const KERNEL_PRIVILEGE = 1;

/** Whether a VCPU is in its guest's kernel: ring 1 of 32-bit guests, kernel mode of 64-bit ones. */
export const isInKernel = (vcpu: Vcpu, context: VcpuContext): boolean =>
  vcpu.domain.width === "x86_64" ? vcpu.kernelMode : context.privilege === kernelRing(vcpu.domain.width);

/** Privilege of the code that a VCPU runs, as its guest sees it: 1 for the kernel and 3 for user mode on x86_64. */
export const guestPrivilege = (vcpu: Vcpu, context: VcpuContext): number => {
  if (vcpu.domain.width !== "x86_64") return context.privilege;
  return vcpu.kernelMode ? KERNEL_PRIVILEGE : USER_RING;
};
