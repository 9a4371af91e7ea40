import type { GuestWidth } from "@xenolith/xen-abi";
import {
  XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD,
  XEN_CPUID_FIRST_LEAF,
  XEN_CPUID_SIGNATURE_EBX,
  XEN_CPUID_SIGNATURE_ECX,
  XEN_CPUID_SIGNATURE_EDX,
} from "@xenolith/xen-abi/arch-x86";
import { XEN_VERSION } from "../version.ts";

/** Answer of CPUID: EAX, EBX, ECX, EDX, each 32 bits unsigned. */
export type CpuidAnswer = readonly [number, number, number, number];

/** What a processor would answer by itself. [SDM2-CPUID] */
export type CpuidModel = (leaf: number, subleaf: number) => CpuidAnswer;

/** Who asks. */
export interface CpuidAsker {
  readonly width: GuestWidth;
  readonly vcpu: number;
}

/** What a guest is answered: the processor's features that a paravirtual guest may use, and the hypervisor's own leaves. */
export type CpuidPolicy = (asker: CpuidAsker, leaf: number, subleaf: number) => CpuidAnswer;

const bits = (...numbers: readonly number[]): number =>
  numbers.reduce((mask, bit) => (mask | (1 << bit)) >>> 0, 0);

/**
 * Features a paravirtual guest may see where the processor has them, by bit. Not among them: VME, PSE, MCE, APIC, SEP, MTRR,
 * PGE, MCA and PSE36, which belong to the monitor, and XSAVE with what depends on it. [XEN arch-x86/cpufeatureset.h]
 */
const VISIBLE = {
  /** FPU DE TSC MSR PAE CX8 CMOV PAT CLFLUSH MMX FXSR SSE SSE2 SS */
  edx1: bits(0, 2, 4, 5, 6, 8, 15, 16, 19, 23, 24, 25, 26, 27),
  /** SSE3 PCLMULQDQ SSSE3 CX16 SSE4.1 SSE4.2 MOVBE POPCNT AESNI RDRAND */
  ecx1: bits(0, 1, 9, 13, 19, 20, 22, 23, 25, 30),
  /** BMI1 BMI2 ERMS RDSEED ADX CLFLUSHOPT SHA */
  ebx7: bits(3, 8, 9, 18, 19, 23, 29),
  /** NX MMXEXT RDTSCP, and what repeats leaf 1 on some processors */
  edxExtended: bits(0, 2, 4, 5, 6, 8, 15, 16, 20, 22, 23, 24, 27),
  /** SYSCALL LM */
  edxExtended64: bits(11, 29),
  /** ABM PREFETCHW */
  ecxExtended: bits(5, 8),
  /** LAHF_LM */
  ecxExtended64: bits(0),
} as const;

/** ECX of leaf 1: a hypervisor is there. */
const HYPERVISOR_PRESENT = bits(31);

const LAST_BASIC_LEAF = 7;
const FIRST_EXTENDED_LEAF = 0x8000_0000;
const LAST_EXTENDED_LEAF = 0x8000_0008;
const LAST_XEN_LEAF = XEN_CPUID_FIRST_LEAF + 5;

/** Nominal frequency of the time-stamp counter: a tick is a nanosecond. */
const TSC_KHZ = 1_000_000;
/** Base of the MSRs that belong to the hypervisor: writing it fills a hypercall page. */
export const XEN_MSR_BASE = 0x4000_0000;
const MACHINE_ADDRESS_BITS = 32;

const NOTHING: CpuidAnswer = [0, 0, 0, 0];

const xenLeaf = (leaf: number, subleaf: number): CpuidAnswer => {
  switch (leaf - XEN_CPUID_FIRST_LEAF) {
    case 0:
      return [LAST_XEN_LEAF, XEN_CPUID_SIGNATURE_EBX, XEN_CPUID_SIGNATURE_ECX, XEN_CPUID_SIGNATURE_EDX];
    case 1:
      return [(XEN_VERSION.major << 16) | XEN_VERSION.minor, 0, 0, 0];
    case 2:
      return [1, XEN_MSR_BASE, XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD, 0];
    case 3:
      // Subleaf 0: a reliable TSC that is not emulated; 1: it counts nanoseconds from boot (2^31 / 2^32 << 1).
      if (subleaf === 0) return [0b010, 2, TSC_KHZ, 0];
      if (subleaf === 1) return [0, 0, 0x8000_0000, 1];
      return subleaf === 2 ? [TSC_KHZ, 0, 0, 0] : NOTHING;
    case 5:
      return subleaf === 0 ? [0, MACHINE_ADDRESS_BITS, 0, 0] : NOTHING;
    default:
      return NOTHING;
  }
};

/** Leaves up to {@link LAST_BASIC_LEAF} whose answers depend on the subleaf, and as many of those as are ever asked for. [SDM2-CPUID] */
const WITH_SUBLEAVES: readonly number[] = [4, 7];
const SUBLEAVES = 8;

/** Answers of a leaf to one who asks: one for all subleaves, or those of the first ones. */
export const identityAnswers = (
  policy: CpuidPolicy,
  asker: CpuidAsker,
  leaf: number,
): readonly CpuidAnswer[] => {
  const count = WITH_SUBLEAVES.includes(leaf) ? SUBLEAVES : 1;
  return Array.from({ length: count }, (_, subleaf) => policy(asker, leaf, subleaf));
};

/** Makes the policy over a processor's own answers. */
export const createCpuidPolicy = (model: CpuidModel): CpuidPolicy => {
  const featureLeaf = ({ width, vcpu }: CpuidAsker, leaf: number, answer: CpuidAnswer): CpuidAnswer => {
    const [eax, ebx, ecx, edx] = answer;
    const is64 = width === "x86_64";
    switch (leaf) {
      case 1:
        return [
          eax,
          ((ebx & 0x00ff_ffff) | ((2 * vcpu) << 24)) >>> 0,
          ((ecx & VISIBLE.ecx1) | HYPERVISOR_PRESENT) >>> 0,
          (edx & VISIBLE.edx1) >>> 0,
        ];
      case 7:
        return [0, (ebx & VISIBLE.ebx7) >>> 0, 0, 0];
      default: {
        const visibleEdx = VISIBLE.edxExtended | (is64 ? VISIBLE.edxExtended64 : 0);
        const visibleEcx = VISIBLE.ecxExtended | (is64 ? VISIBLE.ecxExtended64 : 0);
        return [eax, 0, (ecx & visibleEcx) >>> 0, (edx & visibleEdx) >>> 0];
      }
    }
  };

  return (asker, leaf, subleaf) => {
    if (leaf >= XEN_CPUID_FIRST_LEAF && leaf <= LAST_XEN_LEAF) return xenLeaf(leaf, subleaf);
    const isBasic = leaf <= LAST_BASIC_LEAF;
    if (!isBasic && (leaf < FIRST_EXTENDED_LEAF || leaf > LAST_EXTENDED_LEAF)) return NOTHING;
    const first = isBasic ? 0 : FIRST_EXTENDED_LEAF;
    const [lastOfModel] = model(first, 0);
    const last = Math.min(lastOfModel, isBasic ? LAST_BASIC_LEAF : LAST_EXTENDED_LEAF);
    if (leaf > last) return NOTHING;
    const answer = model(leaf, subleaf);
    if (leaf === first) return [last, answer[1], answer[2], answer[3]];
    if (leaf === 7) return subleaf === 0 ? featureLeaf(asker, leaf, answer) : NOTHING;
    return leaf === 1 || leaf === FIRST_EXTENDED_LEAF + 1 ? featureLeaf(asker, leaf, answer) : answer;
  };
};
