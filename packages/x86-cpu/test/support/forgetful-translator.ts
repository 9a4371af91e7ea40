import {
  ACCESS,
  type AddressTranslator,
  type MachineMemory,
  REFILL,
  type RefillResult,
  TLB_ENTRY,
  TLB_ENTRY_BYTES,
  tlbIndex,
} from "@xenolith/machine-interface";

/** A translator whose TLB has little room. */
export interface ForgetfulTranslator extends AddressTranslator {
  /** Allows so many refills from now on. Code that needs more throws: it goes in circles. */
  allow(refills: number): void;
}

/**
 * Wraps a translator so that its TLB keeps no more than `pages` pages for each kind of access, the latest ones: instructions that
 * make several accesses lose one translation for the next, whatever their addresses are.
 */
export const createForgetfulTranslator = (
  inner: AddressTranslator,
  memory: MachineMemory,
  pages: number,
): ForgetfulTranslator => {
  const { read, write, execute } = inner.tlb;
  const arrays = [read, write, execute];
  const kept = arrays.map((): number[] => []);
  let left = Number.POSITIVE_INFINITY;

  const forgetAllBut = (entries: number[]): void => {
    while (entries.length > pages) {
      const entry = entries.shift() ?? 0;
      memory.view.setBigInt64(entry + TLB_ENTRY.tag, -1n, true);
    }
  };

  const keep = (at: number, access: number, result: RefillResult): RefillResult => {
    left -= 1;
    if (left < 0) throw new Error(`refilled again and again, now for ${at.toString(16)}`);
    if (result !== REFILL.filled) return result;
    const kind = access & ACCESS.kindMask;
    const entry = (arrays[kind] ?? read) + tlbIndex(at) * TLB_ENTRY_BYTES;
    const entries = kept[kind] ?? [];
    if (entries.includes(entry)) entries.splice(entries.indexOf(entry), 1);
    entries.push(entry);
    forgetAllBut(entries);
    return result;
  };

  return {
    ...inner,
    refillActive: (at, access) => keep(at, access, inner.refillActive(at, access)),
    refill: (space, at, access) => keep(at, access, inner.refill(space, at, access)),
    allow: (refills) => {
      left = refills;
    },
  };
};
