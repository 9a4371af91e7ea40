import { type Mfn, toMfn } from "@xenolith/machine-interface";
import {
  addressOfValue,
  EFER,
  REGISTER,
  SEGMENT,
  VECTOR,
  valueOfAddress,
  type X86Vcpu,
} from "@xenolith/x86-architecture";
import type { Domain } from "../domain.ts";
import type { Vcpu } from "../vcpu.ts";
import { XEN_MSR_BASE } from "./cpuid-policy.ts";
import { EMULATED, type Emulation, kernelOnly, REFUSED } from "./outcome.ts";
import { setSegmentBase } from "./segment-bases.ts";

/** Model-specific registers that a guest kernel may read or write. [SDM3A-2.2.1] */
const MSR = {
  timeStampCounter: 0x10,
  platformId: 0x17,
  apicBase: 0x1b,
  microcodeRevision: 0x8b,
  platformInfo: 0xce,
  mperf: 0xe7,
  aperf: 0xe8,
  miscFeatures: 0x140,
  machineCheckCapabilities: 0x179,
  machineCheckStatus: 0x17a,
  machineCheckControl: 0x17b,
  thermalControl: 0x19a,
  miscEnable: 0x1a0,
  energyBias: 0x1b0,
  pat: 0x277,
  performanceCapabilities: 0x345,
  efer: 0xc000_0080,
  fsBase: 0xc000_0100,
  gsBase: 0xc000_0101,
  kernelGsBase: 0xc000_0102,
} as const;

/** PAT as Xen sets it up: WB WT UC- UC WC WP UC UC. */
const GUEST_PAT = 0x0000_0501_0007_0406n;

/** The local APIC's place, enabled; and of the first VCPU that it is the first. No guest finds an APIC there. */
const APIC_BASE = 0xfee0_0800n;
const APIC_BASE_FIRST = 0x100n;

/** Two banks of machine checks that never report any. */
const GUEST_MACHINE_CHECKS = 0x100_0802n;
const ALL_ONES = 0xffff_ffff_ffff_ffffn;

/** Ranges of counters of performance, first and last: without virtual counters all read 0 and take what is written. */
const PERFORMANCE: readonly (readonly [number, number])[] = [
  [0xc1, 0xc8],
  [0x186, 0x189],
  [0x309, 0x30b],
  [0x38d, 0x390],
];

const isPerformance = (index: number): boolean =>
  PERFORMANCE.some(([first, last]) => index >= first && index <= last);

/** Control, status, address and more of the banks of machine checks. */
const BANK_BASE = 0x400;
const BANK_REGISTERS = 4;
const BANK_COUNT = 2;

const isBank = (index: number): boolean =>
  index >= BANK_BASE && index < BANK_BASE + BANK_COUNT * BANK_REGISTERS;

/** Registers that only describe the machine, the same for guests of all widths. null: there is none. */
const readPlain = (vcpu: Vcpu, index: number): bigint | null => {
  if (isPerformance(index)) return 0n;
  if (isBank(index)) return index % BANK_REGISTERS === 0 ? ALL_ONES : 0n;
  switch (index) {
    case MSR.apicBase:
      return vcpu.index === 0 ? APIC_BASE | APIC_BASE_FIRST : APIC_BASE;
    case MSR.machineCheckCapabilities:
      return GUEST_MACHINE_CHECKS;
    case MSR.platformId:
    case MSR.microcodeRevision:
    case MSR.platformInfo:
    case MSR.miscFeatures:
    case MSR.machineCheckStatus:
    case MSR.machineCheckControl:
    case MSR.performanceCapabilities:
      return 0n;
    default:
      return null;
  }
};

/** Whether a write to a register is taken, though it changes nothing. */
const isIgnored = (index: number, value: bigint): boolean => {
  if (isPerformance(index)) return true;
  if (isBank(index)) return index % BANK_REGISTERS === 0 || value === 0n;
  switch (index) {
    case MSR.miscFeatures:
    case MSR.machineCheckStatus:
      return value === 0n;
    case MSR.mperf:
    case MSR.aperf:
    case MSR.machineCheckCapabilities:
    case MSR.machineCheckControl:
    case MSR.thermalControl:
    case MSR.energyBias:
    case MSR.miscEnable:
    case MSR.microcodeRevision:
      return true;
    case MSR.pat:
      return value === GUEST_PAT;
    default:
      return false;
  }
};

/** Fast strings; no branch trace, no sampling by events, no change of task priority by messages. [SDM3A-2.2.1] */
const GUEST_MISC_ENABLE = 0x80_1801n;

/** What emulation of model-specific registers works with. */
export interface MsrParts {
  /** Value of the time-stamp counter now. */
  readonly timestamp: () => number;
  /** Fills a frame of the domain with its hypercall page. @returns 0 or a negative errno. */
  readonly writeHypercallPage: (domain: Domain, frame: Mfn) => number;
}

const eferOf = (vcpu: Vcpu): bigint =>
  BigInt(vcpu.domain.width === "x86_64" ? EFER.sce | EFER.lme | EFER.lma | EFER.nxe : EFER.nxe);

/** Value of a register, or null where a guest may not read it. */
const readMsr = (vcpu: Vcpu, { context }: X86Vcpu, index: number, timestamp: () => number): bigint | null => {
  const is64 = vcpu.domain.width === "x86_64";
  switch (index) {
    case MSR.timeStampCounter:
      return BigInt(timestamp());
    case MSR.miscEnable:
      return GUEST_MISC_ENABLE;
    case MSR.pat:
      return GUEST_PAT;
    case MSR.efer:
      return eferOf(vcpu);
    case MSR.fsBase:
      return is64 ? valueOfAddress(context.segment(SEGMENT.fs).base) : null;
    case MSR.gsBase:
      return is64 ? valueOfAddress(context.segment(SEGMENT.gs).base) : null;
    case MSR.kernelGsBase:
      return is64 ? valueOfAddress(vcpu.otherGsBase) : null;
    default:
      return readPlain(vcpu, index);
  }
};

/** Makes the emulations of RDMSR and WRMSR. */
export const createMsrEmulations = ({
  timestamp,
  writeHypercallPage,
}: MsrParts): { readonly read: Emulation; readonly write: Emulation } => {
  const write = (vcpu: Vcpu, index: number, value: bigint): boolean => {
    const is64 = vcpu.domain.width === "x86_64";
    switch (index) {
      case MSR.fsBase:
        return is64 && setSegmentBase(vcpu, "fs", addressOfValue(value));
      case MSR.gsBase:
        return is64 && setSegmentBase(vcpu, "gs", addressOfValue(value));
      case MSR.kernelGsBase:
        return is64 && setSegmentBase(vcpu, "other-gs", addressOfValue(value));
      case XEN_MSR_BASE:
        return (value & 0xfffn) === 0n && writeHypercallPage(vcpu.domain, toMfn(Number(value >> 12n))) === 0;
      case MSR.efer:
        return value === eferOf(vcpu);
      default:
        return isIgnored(index, value);
    }
  };

  return {
    read: kernelOnly((vcpu, x86) => {
      const { context } = x86;
      const value = readMsr(vcpu, x86, context.register(REGISTER.rcx), timestamp);
      // A kernel without a #GP handler yet would be ended by the fault: it reads 0. [XEN arch-x86/xen.h]
      if (value === null && vcpu.traps.get(VECTOR.generalProtection)?.address) return REFUSED;
      context.setRegister(REGISTER.rax, Number(BigInt.asUintN(32, value ?? 0n)));
      context.setRegister(REGISTER.rdx, Number(BigInt.asUintN(32, (value ?? 0n) >> 32n)));
      return EMULATED.next;
    }),
    write: kernelOnly((vcpu, x86) => {
      const { context } = x86;
      const value = (BigInt(context.register(REGISTER.rdx)) << 32n) | BigInt(context.register(REGISTER.rax));
      return write(vcpu, context.register(REGISTER.rcx), value) ? EMULATED.next : REFUSED;
    }),
  };
};
