/** Bits of leaf 1, EDX. [SDM2-3.2] */
export const FEATURE = {
  fpu: 1,
  vme: 2,
  de: 4,
  pse: 8,
  tsc: 0x10,
  msr: 0x20,
  pae: 0x40,
  cx8: 0x100,
  apic: 0x200,
  sep: 0x800,
  mtrr: 0x1000,
  pge: 0x2000,
  mca: 0x4000,
  cmov: 0x8000,
  pat: 0x1_0000,
  pse36: 0x2_0000,
  clflush: 0x8_0000,
  mmx: 0x80_0000,
  fxsr: 0x100_0000,
  sse: 0x200_0000,
  sse2: 0x400_0000,
} as const;

/** Bits of leaf 1, ECX. */
export const FEATURE_C = {
  sse3: 1,
  monitor: 8,
  ssse3: 0x200,
  cx16: 0x2000,
  sse41: 0x8_0000,
  sse42: 0x10_0000,
  movbe: 0x40_0000,
  popcnt: 0x80_0000,
  xsave: 0x400_0000,
  osxsave: 0x800_0000,
  rdrand: 0x4000_0000,
} as const;

/** Bits of leaf 7, subleaf 0, EBX. */
export const EXTENDED_FEATURE = {
  fsgsbase: 1,
  bmi1: 8,
  smep: 0x80,
  bmi2: 0x100,
  erms: 0x200,
  rdseed: 0x4_0000,
  smap: 0x10_0000,
  clflushopt: 0x80_0000,
  clwb: 0x100_0000,
} as const;

/** Bits of leaf 0x80000001, EDX. */
export const AMD_FEATURE = {
  syscall: 0x800,
  nx: 0x10_0000,
  pdpe1gb: 0x400_0000,
  rdtscp: 0x800_0000,
  lm: 0x2000_0000,
} as const;

/** Bits of leaf 0x80000001, ECX. */
export const AMD_FEATURE_C = { lahf: 1, lzcnt: 0x20, prefetchw: 0x100 } as const;
