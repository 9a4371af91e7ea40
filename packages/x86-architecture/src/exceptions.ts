/** Exception vectors. [SDM3A-6.3.1] */
export const VECTOR = {
  divideError: 0,
  debug: 1,
  nmi: 2,
  breakpoint: 3,
  overflow: 4,
  boundRange: 5,
  invalidOpcode: 6,
  deviceNotAvailable: 7,
  doubleFault: 8,
  invalidTss: 10,
  segmentNotPresent: 11,
  stackFault: 12,
  generalProtection: 13,
  pageFault: 14,
  x87Error: 16,
  alignmentCheck: 17,
  machineCheck: 18,
  simdError: 19,
} as const;

/** Bits of a page-fault error code. [SDM3A-4.7] */
export const PAGE_FAULT = { present: 1, write: 2, user: 4, reserved: 8, instruction: 0x10 } as const;

/** Low bits of an error code that names a selector: EXT, IDT, TI. [SDM3A-6.13] */
export const SELECTOR_ERROR = { external: 1, idt: 2, ldt: 4 } as const;

/** Whether the processor pushes an error code for an exception vector: 8, 10 to 14, 17. [SDM3A-6.13] */
export const hasErrorCode = (vector: number): boolean => {
  const known = (1 << 8) | (1 << 10) | (1 << 11) | (1 << 12) | (1 << 13) | (1 << 14) | (1 << 17);
  return vector < 32 && ((known >>> vector) & 1) === 1;
};

/**
 * A fault as one number, for hot paths that must not allocate: bit 30 set, vector in bits 23:16, error code in bits 15:0.
 * Never 0, so that 0 can mean "no fault".
 */
export type PackedFault = number;

/** Packs a fault. Vectors without an error code carry 0. */
export const packFault = (vector: number, errorCode: number): PackedFault =>
  0x4000_0000 | (vector << 16) | (errorCode & 0xffff);

/** Vector of a packed fault. */
export const faultVector = (fault: PackedFault): number => (fault >>> 16) & 0xff;

/** Error code of a packed fault. */
export const faultErrorCode = (fault: PackedFault): number => fault & 0xffff;
