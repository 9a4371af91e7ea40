import { HostError } from "@xenolith/machine-interface";
import { hypercallName, NR_HYPERCALLS } from "@xenolith/xen-abi/xen";
import type { Hypercall } from "./context.ts";

/** All hypercalls by number. */
export interface HypercallTable {
  /** The handler of a number as the guest gave it, or null where there is none. */
  find(number: number): Hypercall | null;
}

/**
 * Collects hypercalls by number.
 * @throws HostError when a number is out of range or taken twice.
 */
export const createHypercallTable = (hypercalls: readonly Hypercall[]): HypercallTable => {
  const byNumber: (Hypercall | null)[] = Array.from({ length: NR_HYPERCALLS }, () => null);
  for (const hypercall of hypercalls) {
    const name = hypercallName(hypercall.number);
    if (byNumber[hypercall.number] === undefined)
      throw new HostError("hypercall-number", `${name}: no such number`);
    if (byNumber[hypercall.number] !== null)
      throw new HostError("hypercall-twice", `${name} has two handlers`);
    byNumber[hypercall.number] = hypercall;
  }
  return { find: (number) => byNumber[number] ?? null };
};
