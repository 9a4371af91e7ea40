/** General registers by their encoding. In 32-bit code the first eight are EAX to EDI. [SDM1-3.4.1] */
export const REGISTER = {
  rax: 0,
  rcx: 1,
  rdx: 2,
  rbx: 3,
  rsp: 4,
  rbp: 5,
  rsi: 6,
  rdi: 7,
  r8: 8,
  r9: 9,
  r10: 10,
  r11: 11,
  r12: 12,
  r13: 13,
  r14: 14,
  r15: 15,
} as const;

/** One value of {@link REGISTER}. */
export type RegisterIndex = number;

/** Segment registers by their encoding, then the two that have none. [SDM1-3.4.2] */
export const SEGMENT = { es: 0, cs: 1, ss: 2, ds: 3, fs: 4, gs: 5, ldtr: 6, tr: 7 } as const;

/** One value of {@link SEGMENT}. */
export type SegmentIndex = number;

/** Bits of RFLAGS. [SDM1-3.4.3] */
export const FLAG = {
  cf: 1,
  fixed: 2,
  pf: 4,
  af: 0x10,
  zf: 0x40,
  sf: 0x80,
  tf: 0x100,
  if: 0x200,
  df: 0x400,
  of: 0x800,
  iopl: 0x3000,
  nt: 0x4000,
  rf: 0x1_0000,
  vm: 0x2_0000,
  ac: 0x4_0000,
  vif: 0x8_0000,
  vip: 0x10_0000,
  id: 0x20_0000,
} as const;

/** Bits of CR0. [SDM3A-2.5] */
export const CR0 = {
  pe: 1,
  mp: 2,
  em: 4,
  ts: 8,
  et: 0x10,
  ne: 0x20,
  wp: 0x1_0000,
  am: 0x4_0000,
  nw: 0x2000_0000,
  cd: 0x4000_0000,
  pg: 0x8000_0000,
} as const;

/** Bits of CR4. [SDM3A-2.5] */
export const CR4 = {
  vme: 1,
  pvi: 2,
  tsd: 4,
  de: 8,
  pse: 0x10,
  pae: 0x20,
  mce: 0x40,
  pge: 0x80,
  pce: 0x100,
  osfxsr: 0x200,
  osxmmexcpt: 0x400,
  umip: 0x800,
  fsgsbase: 0x1_0000,
  osxsave: 0x4_0000,
  smep: 0x10_0000,
  smap: 0x20_0000,
} as const;

/** Bits of the EFER model-specific register. [SDM3A-2.2.1] */
export const EFER = { sce: 1, lme: 0x100, lma: 0x400, nxe: 0x800 } as const;
