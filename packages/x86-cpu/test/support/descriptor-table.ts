import { type DescriptorSource, segmentHigh, segmentLow } from "@xenolith/x86-architecture";

/** A descriptor: its low and high word. */
export type DescriptorWords = readonly [low: number, high: number];

/** A flat segment of 4 GiB with attributes. */
export const flatSegment = (attributes: number): DescriptorWords => [
  segmentLow(0, 0xfffff),
  segmentHigh(0, 0xfffff, attributes),
];

/** The descriptors of a monitor, by their number; beyond the last there are none. */
export const createDescriptorTable = (table: readonly DescriptorWords[]): DescriptorSource => ({
  low: 0,
  high: 0,
  read(selector: number): boolean {
    const found = table[selector >>> 3];
    if (found === undefined) return false;
    [this.low, this.high] = found;
    return true;
  },
  setAccessed: () => {},
});
