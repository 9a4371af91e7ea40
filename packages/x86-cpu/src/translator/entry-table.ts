import type { FlowGraph } from "./flow-graph.ts";

/** Most bytes of code that the entries of a table may be spread over. */
const MOST_BYTES = 512;

/** Entries of a region by their distance from the first: how indirect jumps find them without the jump cache. */
export interface EntryTable {
  /** Offset in CS of the entry that comes first in the code. */
  readonly first: number;
  /** For each byte from there on, the number of the entry that begins there, or -1. */
  readonly numbers: readonly number[];
}

const INDIRECT: ReadonlySet<string | undefined> = new Set(["jump-indirect", "call-indirect", "return"]);

/** The table of a region, where it has indirect jumps and its entries lie close together; else null. */
export const entryTable = ({ nodes, entries }: FlowGraph): EntryTable | null => {
  if (!nodes.some(({ block }) => INDIRECT.has(block?.end))) return null;
  let first = Number.POSITIVE_INFINITY;
  let last = Number.NEGATIVE_INFINITY;
  const places: number[] = [];
  for (const entry of entries) {
    const at = nodes[entry]?.block?.at ?? 0;
    places.push(at);
    first = Math.min(first, at);
    last = Math.max(last, at);
  }
  const span = last - first + 1;
  if (span > MOST_BYTES) return null;
  const numbers: number[] = [];
  for (let place = 0; place < span; place++) numbers.push(-1);
  for (let number = 0; number < places.length; number++) numbers[(places[number] ?? 0) - first] = number;
  return { first, numbers };
};
