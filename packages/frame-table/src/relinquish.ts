import type { Mfn } from "@xenolith/machine-interface";
import { toMfn } from "@xenolith/machine-interface";
import { type DomId, EBUSY } from "@xenolith/xen-abi";
import type { FrameDomain, FrameDomains } from "./domains.ts";
import { at, FRAME_FLAG, type FrameStore, hasFlag } from "./internal/frame-store.ts";
import type { Ownership } from "./ownership.ts";
import type { FrameTable } from "./types.ts";

/** What giving back works on. */
export interface RelinquishParts {
  readonly store: FrameStore;
  readonly domains: FrameDomains;
  readonly ownership: Ownership;
  readonly unpin: (domain: DomId, frame: Mfn) => number;
}

/**
 * Makes the end of a domain's memory: first its pins go, so that tables are taken apart from the top, then each frame loses
 * its owner's reference. What others still hold (grants) goes with their references.
 */
export const createRelinquish = (
  parts: RelinquishParts,
): Pick<FrameTable, "relinquish" | "removeDomain" | "framesOf"> => {
  const { store, domains, ownership } = parts;

  const isDomains = (frame: number, domain: DomId): boolean =>
    at(store.owner, frame) === domain && !hasFlag(store, frame, FRAME_FLAG.monitor);

  const visit = (domain: FrameDomain, frame: number): void => {
    if (domain.relinquish.phase === "release") ownership.dropAllocation(frame);
    else if (hasFlag(store, frame, FRAME_FLAG.pinned)) parts.unpin(domain.id, toMfn(frame));
  };

  /** Goes on where the last call stopped. @returns whether both phases are over. */
  const proceed = (domain: FrameDomain, limit: number): boolean => {
    const state = domain.relinquish;
    let visited = 0;
    for (; state.next < store.frameCount; state.next++) {
      if (!isDomains(state.next, domain.id)) continue;
      if (visited === limit) return false;
      visit(domain, state.next);
      visited++;
    }
    if (state.phase === "release") return true;
    domain.relinquish = { phase: "release", next: 0 };
    return proceed(domain, limit - visited);
  };

  return {
    relinquish(domain, limit = store.frameCount) {
      const found = domains.find(domain);
      if (found === undefined) return 0;
      proceed(found, limit);
      return found.pages;
    },
    removeDomain(domain) {
      const found = domains.find(domain);
      if (found !== undefined && found.pages > 0) return -EBUSY;
      domains.remove(domain);
      return 0;
    },
    framesOf(domain) {
      const frames: Mfn[] = [];
      for (let frame = 0; frame < store.frameCount; frame++) {
        if (isDomains(frame, domain)) frames.push(toMfn(frame));
      }
      return frames;
    },
  };
};
