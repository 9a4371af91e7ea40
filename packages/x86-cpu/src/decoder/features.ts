/** What a processor may have or lack, as far as it decides which instructions there are. [SDM2-3.2 "CPUID"] */
export const FEATURES = [
  "base",
  "mmx",
  "sse",
  "sse2",
  "sse3",
  "ssse3",
  "sse41",
  "sse42",
  "popcnt",
  "lzcnt",
  "bmi1",
  "bmi2",
  "movbe",
  "cx16",
  "rdrand",
  "rdseed",
  "rdtscp",
  "monitor",
  "fxsr",
  "xsave",
  "xsaveopt",
  "clflush",
  "clflushopt",
  "clwb",
  "fsgsbase",
] as const;

/** One of {@link FEATURES}. `base`: every processor has it. */
export type Feature = (typeof FEATURES)[number];

/** Features of instructions whose opcode tables do not say, by mnemonic. */
export const FEATURE_OF_MNEMONIC: Readonly<Record<string, Feature>> = {
  popcnt: "popcnt",
  lzcnt: "lzcnt",
  tzcnt: "bmi1",
  cmpxchg16b: "cx16",
  rdrand: "rdrand",
  rdseed: "rdseed",
  rdtscp: "rdtscp",
  monitor: "monitor",
  mwait: "monitor",
  xgetbv: "xsave",
  xsetbv: "xsave",
  fisttp: "sse3",
};
