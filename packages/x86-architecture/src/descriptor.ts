/**
 * Codec for the 8-byte descriptors of GDT, LDT and IDT. A descriptor is handled as its two little-endian words.
 * [SDM3A-3.4.5] [SDM3A-6.11]
 */

/**
 * Attributes of a segment as kept in a segment register's hidden part: descriptor bits 47:40 (type, S, DPL, P) in bits 7:0
 * and bits 55:52 (AVL, L, D/B, G) in bits 15:12.
 */
export const ATTRIBUTE = {
  typeMask: 0x0f,
  codeOrData: 0x10,
  dplShift: 5,
  present: 0x80,
  available: 0x1000,
  long: 0x2000,
  big: 0x4000,
  granular: 0x8000,
  /** Bits of the type of a code or data segment. */
  accessed: 1,
  writable: 2,
  readable: 2,
  expandDown: 4,
  conforming: 4,
  code: 8,
} as const;

/** Types of system descriptors (S = 0). [SDM3A-3.5] */
export const SYSTEM_TYPE = {
  tss16: 1,
  ldt: 2,
  busyTss16: 3,
  callGate16: 4,
  taskGate: 5,
  interruptGate16: 6,
  trapGate16: 7,
  tss: 9,
  busyTss: 11,
  callGate: 12,
  interruptGate: 14,
  trapGate: 15,
} as const;

/** Base address of a segment descriptor, 32 bits. */
export const descriptorBase = (low: number, high: number): number =>
  ((low >>> 16) | ((high & 0xff) << 16) | (high & 0xff00_0000)) >>> 0;

/** Limit of a segment descriptor in bytes (granularity applied): the last valid offset. */
export const descriptorLimit = (low: number, high: number): number => {
  const raw = (low & 0xffff) | (high & 0xf_0000);
  return high & 0x80_0000 ? raw * 0x1000 + 0xfff : raw;
};

/** Attributes in the form of {@link ATTRIBUTE}. */
export const descriptorAttributes = (high: number): number => ((high >>> 8) & 0xff) | ((high >>> 8) & 0xf000);

/** Descriptor privilege level, 0 to 3. */
export const descriptorDpl = (high: number): number => (high >>> 13) & 3;

/** Low word of a segment descriptor. `limit` is the raw 20-bit limit. */
export const segmentLow = (base: number, limit: number): number =>
  (((base & 0xffff) << 16) | (limit & 0xffff)) >>> 0;

/** High word of a segment descriptor, with attributes in the form of {@link ATTRIBUTE}. `limit` is the raw 20-bit limit. */
export const segmentHigh = (base: number, limit: number, attributes: number): number =>
  (((base >>> 16) & 0xff) |
    (base & 0xff00_0000) |
    (limit & 0xf_0000) |
    ((attributes & 0xff) << 8) |
    ((attributes & 0xf000) << 8)) >>>
  0;

/** Offset of a 32-bit gate. */
export const gateOffset = (low: number, high: number): number =>
  ((low & 0xffff) | (high & 0xffff_0000)) >>> 0;

/** Selector of a gate. */
export const gateSelector = (low: number): number => low >>> 16;
