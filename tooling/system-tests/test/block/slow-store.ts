import type { BlockRequest, BlockStore } from "@xenolith/backend-interface";
import type { Timers } from "@xenolith/domain-interface";
import { toNanoseconds } from "@xenolith/machine-interface";

/**
 * A store that carries each request out after a time of its own, so that requests overtake one another. A flush waits for all
 * writes that came before it.
 */
export const createSlowStore = (store: BlockStore, timers: Timers, delayNs: () => number): BlockStore => {
  let lastWriteNs = 0;
  const dueOf = (request: BlockRequest): number => {
    const due = timers.now() + delayNs();
    if (request.kind === "flush") return Math.max(due, lastWriteNs);
    if (request.kind === "write") lastWriteNs = Math.max(lastWriteNs, due);
    return due;
  };
  return {
    sectorCount: store.sectorCount,
    readOnly: store.readOnly,
    canDiscard: store.canDiscard,
    submit: (request, done) => {
      timers.at(toNanoseconds(dueOf(request)), () => store.submit(request, done));
    },
    close: () => store.close(),
  };
};
