export * from "./address-space.ts";
export * from "./cpuid.ts";
export * from "./emulate-prefix.ts";
export * from "./selectors.ts";
export * from "./trap-info.ts";
export {
  CPU_USER_REGS_32,
  CPU_USER_REGS_64,
  type CpuUserRegs32,
  type CpuUserRegs64,
  FPU_CONTEXT_BYTES,
} from "./user-regs.ts";
export * from "./vcpu-guest-context.ts";
