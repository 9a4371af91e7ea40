import type { PagingContext } from "@xenolith/machine-interface";
import { PTE, PTE_NX_HIGH } from "@xenolith/x86-architecture";

/** Bits 20:13 of an entry that maps 2 MiB. */
export const RESERVED_2_MIB = 0x001f_e000;
/** Bits 29:13 of an entry that maps 1 GiB. */
export const RESERVED_1_GIB = 0x3fff_e000;

/** Bits `last` to `first` of a word set. */
const bits = (last: number, first: number): number => {
  let mask = 0;
  for (let bit = first; bit <= last; bit++) mask |= 1 << bit;
  return mask;
};

/** Knows which bits of a present entry must be 0. [SDM3A-4.3] [SDM3A-4.4] [SDM3A-4.5] */
export class ReservedBits {
  /** Low word of a 4-byte entry that maps 4 MiB: bits 21 to M-19, M at most 40. */
  readonly #fourMib: number;
  /** High word of a PAE entry: bits 62 to M. */
  readonly #paeHigh: number;
  /** High word of an entry of long format: bits 51 to M. */
  readonly #longHigh: number;

  /** @param physicalAddressBits M of the manual, 32 to 52 */
  constructor(physicalAddressBits: number) {
    this.#fourMib = bits(21, Math.min(physicalAddressBits, 40) - 19);
    this.#paeHigh = bits(30, physicalAddressBits - 32);
    this.#longHigh = bits(19, physicalAddressBits - 32);
  }

  /**
   * Whether a reserved bit is set.
   * The flag bits of the PAE root are not looked at: they are checked when CR3 is loaded, and a monitor may use them.
   * @param large whether the entry maps a large page
   */
  anySet(context: PagingContext, level: number, low: number, high: number, large: boolean): boolean {
    switch (context.format) {
      case "pae":
        if (level === 3) return (high & (this.#paeHigh | PTE_NX_HIGH)) !== 0;
        return this.#anyWide(context, low, high, large, this.#highOf(context));
      case "long":
        // Where pages of 1 GiB are not offered bit 7 is reserved above level 2.
        if (level > 2 && (low & PTE.large) !== 0 && !large) return true;
        if (level === 3 && large && (low & RESERVED_1_GIB) !== 0) return true;
        return this.#anyWide(context, low, high, large && level === 2, this.#longHigh);
      default:
        return large && (low & this.#fourMib) !== 0;
    }
  }

  /** Reserved bits of the high word of an 8-byte entry, of the PAE root too where `isRoot`. */
  highMask(context: PagingContext, isRoot: boolean): number {
    const mask = isRoot ? this.#paeHigh : this.#highOf(context);
    return context.noExecute && !isRoot ? mask : mask | PTE_NX_HIGH;
  }

  /** Reserved bits of the low word of a 4-byte entry that maps 4 MiB. */
  get fourMib(): number {
    return this.#fourMib;
  }

  /** Reserved bits of the high word, but for NX, of entries below the PAE root and of long format. */
  #highOf({ format, softwareBits = false }: PagingContext): number {
    return format === "pae" && !softwareBits ? this.#paeHigh : this.#longHigh;
  }

  #anyWide(context: PagingContext, low: number, high: number, large: boolean, highMask: number): boolean {
    const mask = context.noExecute ? highMask : highMask | PTE_NX_HIGH;
    return (high & mask) !== 0 || (large && (low & RESERVED_2_MIB) !== 0);
  }
}
