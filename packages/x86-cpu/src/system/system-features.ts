import { CR4, EFER } from "@xenolith/x86-architecture";
import type { ProcessorEnvironment } from "../engine/system-operations.ts";

/** What a processor's model decides about its system registers. */
export interface SystemFeatures {
  /** Bits of CR4 and EFER that exist. */
  readonly control4: number;
  readonly efer: number;
  readonly hasLongMode: boolean;
  /** RDTSCP and TSC_AUX. */
  readonly hasTimestampAux: boolean;
  readonly physicalAddressBits: number;
}

/** Bits of CPUID that give a bit of CR4 a meaning, by leaf and register: 1.EDX, 1.ECX, 7.EBX, 7.ECX. [SDM3A-2.5] */
const CONTROL4_1_EDX: readonly (readonly [number, number])[] = [
  [0x2, CR4.vme | CR4.pvi],
  [0x4, CR4.de],
  [0x8, CR4.pse],
  [0x10, CR4.tsd],
  [0x40, CR4.pae],
  [0x80, CR4.mce],
  [0x2000, CR4.pge],
  [0x100_0000, CR4.osfxsr],
  [0x200_0000, CR4.osxmmexcpt],
];
const CONTROL4_1_ECX: readonly (readonly [number, number])[] = [[0x400_0000, CR4.osxsave]];
const CONTROL4_7_EBX: readonly (readonly [number, number])[] = [
  [0x1, CR4.fsgsbase],
  [0x80, CR4.smep],
];
const CONTROL4_7_ECX: readonly (readonly [number, number])[] = [[0x4, CR4.umip]];

/** Bits of leaf 0x80000001, EDX. */
const EXTENDED = { syscall: 0x800, nx: 0x10_0000, rdtscp: 0x800_0000, longMode: 0x2000_0000 } as const;

const gather = (register: number, table: readonly (readonly [number, number])[]): number =>
  table.reduce((bits, [feature, control]) => ((register & feature) !== 0 ? bits | control : bits), 0);

const read = (environment: ProcessorEnvironment): SystemFeatures => {
  const [, , ecx1, edx1] = environment.cpuid(1, 0);
  const [, ebx7, ecx7] = environment.cpuid(7, 0);
  const edx = environment.cpuid(0x8000_0001, 0)[3];
  const addressBits = environment.cpuid(0x8000_0008, 0)[0] & 0xff;
  const hasLongMode = (edx & EXTENDED.longMode) !== 0;
  return {
    control4:
      CR4.pce |
      gather(edx1, CONTROL4_1_EDX) |
      gather(ecx1, CONTROL4_1_ECX) |
      gather(ebx7, CONTROL4_7_EBX) |
      gather(ecx7, CONTROL4_7_ECX),
    efer: ((edx & EXTENDED.nx) !== 0 ? EFER.nxe : 0) | (hasLongMode ? EFER.lme | EFER.lma | EFER.sce : 0),
    hasLongMode,
    hasTimestampAux: (edx & EXTENDED.rdtscp) !== 0,
    physicalAddressBits: addressBits === 0 ? 36 : addressBits,
  };
};

const known = new WeakMap<ProcessorEnvironment, SystemFeatures>();

/** The features behind an environment's CPUID. Read once: a model does not change. */
export const featuresOf = (environment: ProcessorEnvironment): SystemFeatures => {
  let features = known.get(environment);
  if (features === undefined) {
    features = read(environment);
    known.set(environment, features);
  }
  return features;
};
