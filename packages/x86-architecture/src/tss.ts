/** Field offsets of the 32-bit task state segment, in bytes. [SDM3A-7.2.1] */
export const TSS32 = {
  link: 0,
  esp0: 4,
  ss0: 8,
  esp1: 12,
  ss1: 16,
  esp2: 20,
  ss2: 24,
  cr3: 28,
  eip: 32,
  eflags: 36,
  eax: 40,
  es: 72,
  cs: 76,
  ss: 80,
  ds: 84,
  fs: 88,
  gs: 92,
  ldt: 96,
  trap: 100,
  ioMap: 102,
  sizeBytes: 104,
} as const;

/** Field offsets of the 16-bit task state segment. [SDM3A-7.6] */
export const TSS16 = {
  link: 0,
  sp0: 2,
  ss0: 4,
  sp1: 6,
  ss1: 8,
  sp2: 10,
  ss2: 12,
  ip: 14,
  flags: 16,
  ax: 18,
  es: 34,
  cs: 36,
  ss: 38,
  ds: 40,
  ldt: 42,
  sizeBytes: 44,
} as const;

/** Field offsets of the 64-bit task state segment: stacks only, and the I/O map where the 32-bit one has it. [SDM3A-7.7] */
export const TSS64 = { rsp0: 4, rsp1: 12, rsp2: 20, ist1: 36, ioMap: 102, sizeBytes: 104 } as const;
