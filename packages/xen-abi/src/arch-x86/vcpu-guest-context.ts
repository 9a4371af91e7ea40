import { address, array, register, ulong } from "../fields.ts";
import { type Struct, struct } from "../struct.ts";
import { TRAP_INFO, type TrapInfo } from "./trap-info.ts";
import {
  CPU_USER_REGS_32,
  CPU_USER_REGS_64,
  type CpuUserRegs32,
  type CpuUserRegs64,
  fpuContext,
} from "./user-regs.ts";

/** Flags of a vcpu_guest_context. [XEN arch-x86/xen.h] */
export const VGCF_i387_valid = 0x1;
export const VGCF_in_kernel = 0x4;
export const VGCF_failsafe_disables_events = 0x8;
export const VGCF_syscall_disables_events = 0x10;
export const VGCF_online = 0x20;
/** In the flags of an x86_64 iret frame: leave with RCX and R11 as the frame has them. [XEN arch-x86/xen-x86_64.h] */
export const VGCF_in_syscall = 0x100;

/** Parts of a vcpu_guest_context that are alike in all widths. */
interface VcpuGuestContextCommon {
  readonly fpuCtxt: Uint8Array;
  /** `VGCF_*`. */
  readonly flags: number;
  readonly trapCtxt: readonly TrapInfo[];
  readonly ldtBase: number;
  readonly ldtEnts: number;
  /** Machine frames of the GDT; the last two are not used. */
  readonly gdtFrames: readonly number[];
  readonly gdtEnts: number;
  readonly kernelSs: number;
  readonly kernelSp: number;
  /** CR0-CR7; [1] is the user-mode root table on x86_64, [3] the root table as an (extended) CR3. */
  readonly ctrlreg: readonly number[];
  readonly debugreg: readonly bigint[];
}

/** Initial state of a VCPU of a 32-bit guest; 2800 bytes. */
export interface VcpuGuestContext32 extends VcpuGuestContextCommon {
  readonly userRegs: CpuUserRegs32;
  readonly eventCallbackCs: number;
  readonly eventCallbackEip: number;
  readonly failsafeCallbackCs: number;
  readonly failsafeCallbackEip: number;
  readonly vmAssist: number;
}

/** Initial state of a VCPU of a 64-bit guest; 5168 bytes. */
export interface VcpuGuestContext64 extends VcpuGuestContextCommon {
  readonly userRegs: CpuUserRegs64;
  readonly eventCallbackEip: number;
  readonly failsafeCallbackEip: number;
  readonly syscallCallbackEip: number;
  readonly vmAssist: number;
  readonly fsBase: bigint;
  readonly gsBaseKernel: bigint;
  readonly gsBaseUser: bigint;
}

/**
 * Layout and codec of {@link VcpuGuestContext32}; for `x86_32` and `x86_32p` only: fpu_ctxt 0, flags 512, user_regs 516,
 * trap_ctxt 584, ldt_base 2632, ldt_ents 2636, gdt_frames 2640, gdt_ents 2704, kernel_ss 2708, kernel_sp 2712,
 * ctrlreg 2716, debugreg 2748, callbacks 2780, vm_assist 2796.
 */
export const VCPU_GUEST_CONTEXT_32: Struct<VcpuGuestContext32> = struct<VcpuGuestContext32>({
  fpuCtxt: fpuContext,
  flags: ulong,
  userRegs: CPU_USER_REGS_32,
  trapCtxt: array(TRAP_INFO, 256),
  ldtBase: address,
  ldtEnts: ulong,
  gdtFrames: array(ulong, 16),
  gdtEnts: ulong,
  kernelSs: ulong,
  kernelSp: address,
  ctrlreg: array(ulong, 8),
  debugreg: array(register, 8),
  eventCallbackCs: ulong,
  eventCallbackEip: address,
  failsafeCallbackCs: ulong,
  failsafeCallbackEip: address,
  vmAssist: ulong,
});

/**
 * Layout and codec of {@link VcpuGuestContext64}; for `x86_64` only: fpu_ctxt 0, flags 512, user_regs 520, trap_ctxt 720,
 * ldt_base 4816, ldt_ents 4824, gdt_frames 4832, gdt_ents 4960, kernel_ss 4968, kernel_sp 4976, ctrlreg 4984,
 * debugreg 5048, callbacks 5112, vm_assist 5136, fs_base 5144, gs_base_kernel 5152, gs_base_user 5160.
 */
export const VCPU_GUEST_CONTEXT_64: Struct<VcpuGuestContext64> = struct<VcpuGuestContext64>({
  fpuCtxt: fpuContext,
  flags: ulong,
  userRegs: CPU_USER_REGS_64,
  trapCtxt: array(TRAP_INFO, 256),
  ldtBase: address,
  ldtEnts: ulong,
  gdtFrames: array(ulong, 16),
  gdtEnts: ulong,
  kernelSs: ulong,
  kernelSp: address,
  ctrlreg: array(ulong, 8),
  debugreg: array(register, 8),
  eventCallbackEip: address,
  failsafeCallbackEip: address,
  syscallCallbackEip: address,
  vmAssist: ulong,
  fsBase: register,
  gsBaseKernel: register,
  gsBaseUser: register,
});
