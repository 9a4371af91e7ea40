import { byteArray, padded, register, u8, u16, u32, ulong } from "../fields.ts";
import { type FieldType, type Struct, struct } from "../struct.ts";

/**
 * Registers of a 32-bit guest: ebx 0, ecx 4, edx 8, esi 12, edi 16, ebp 20, eax 24, error_code 28, entry_vector 30,
 * eip 32, cs 36, saved_upcall_mask 38, eflags 40, esp 44, ss 48, es 52, ds 56, fs 60, gs 64; 68 bytes.
 */
export interface CpuUserRegs32 {
  readonly ebx: number;
  readonly ecx: number;
  readonly edx: number;
  readonly esi: number;
  readonly edi: number;
  readonly ebp: number;
  readonly eax: number;
  readonly errorCode: number;
  readonly entryVector: number;
  readonly eip: number;
  readonly cs: number;
  readonly savedUpcallMask: number;
  readonly eflags: number;
  readonly esp: number;
  readonly ss: number;
  readonly es: number;
  readonly ds: number;
  readonly fs: number;
  readonly gs: number;
}

const selector32 = padded(u16, 4);

/** Layout and codec of {@link CpuUserRegs32}; for `x86_32` and `x86_32p` only. [XEN arch-x86/xen-x86_32.h] */
export const CPU_USER_REGS_32: Struct<CpuUserRegs32> = struct<CpuUserRegs32>({
  ebx: ulong,
  ecx: ulong,
  edx: ulong,
  esi: ulong,
  edi: ulong,
  ebp: ulong,
  eax: ulong,
  errorCode: u16,
  entryVector: u16,
  eip: ulong,
  cs: u16,
  savedUpcallMask: padded(u8, 2),
  eflags: ulong,
  esp: ulong,
  ss: selector32,
  es: selector32,
  ds: selector32,
  fs: selector32,
  gs: selector32,
});

/**
 * Registers of a 64-bit guest: r15 0, r14 8, r13 16, r12 24, rbp 32, rbx 40, r11 48, r10 56, r9 64, r8 72, rax 80, rcx 88,
 * rdx 96, rsi 104, rdi 112, error_code 120, entry_vector 124, rip 128, cs 136, saved_upcall_mask 140, rflags 144, rsp 152,
 * ss 160, es 168, ds 176, fs 184, gs 192; 200 bytes.
 */
export interface CpuUserRegs64 {
  readonly r15: bigint;
  readonly r14: bigint;
  readonly r13: bigint;
  readonly r12: bigint;
  readonly rbp: bigint;
  readonly rbx: bigint;
  readonly r11: bigint;
  readonly r10: bigint;
  readonly r9: bigint;
  readonly r8: bigint;
  readonly rax: bigint;
  readonly rcx: bigint;
  readonly rdx: bigint;
  readonly rsi: bigint;
  readonly rdi: bigint;
  readonly errorCode: number;
  readonly entryVector: number;
  readonly rip: bigint;
  readonly cs: number;
  readonly savedUpcallMask: number;
  readonly rflags: bigint;
  readonly rsp: bigint;
  readonly ss: number;
  readonly es: number;
  readonly ds: number;
  readonly fs: number;
  readonly gs: number;
}

const selector64 = padded(u16, 8);

/** Layout and codec of {@link CpuUserRegs64}; for `x86_64` only. [XEN arch-x86/xen-x86_64.h] */
export const CPU_USER_REGS_64: Struct<CpuUserRegs64> = struct<CpuUserRegs64>({
  r15: register,
  r14: register,
  r13: register,
  r12: register,
  rbp: register,
  rbx: register,
  r11: register,
  r10: register,
  r9: register,
  r8: register,
  rax: register,
  rcx: register,
  rdx: register,
  rsi: register,
  rdi: register,
  errorCode: u32,
  entryVector: u32,
  rip: register,
  cs: padded(u16, 4),
  savedUpcallMask: padded(u8, 4),
  rflags: register,
  rsp: register,
  ss: selector64,
  es: selector64,
  ds: selector64,
  fs: selector64,
  gs: selector64,
});

/** FPU image of a vcpu_guest_context, as FXSAVE stores it. */
export const FPU_CONTEXT_BYTES = 512;

/** Field type of {@link FPU_CONTEXT_BYTES} raw bytes. */
export const fpuContext: FieldType<Uint8Array> = byteArray(FPU_CONTEXT_BYTES);
