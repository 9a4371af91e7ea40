import { type Mfn, toMfn } from "@xenolith/machine-interface";
import { DOMID_INVALID, DOMID_IO, DOMID_XEN, type DomId, EINVAL, ENOMEM } from "@xenolith/xen-abi";
import type { FrameDomains } from "./domains.ts";
import type { FreeFrames } from "./free-frames.ts";
import type { EntryMemory } from "./internal/entry-memory.ts";
import { add, at, clearFlag, FRAME_FLAG, type FrameStore, hasFlag, setFlag } from "./internal/frame-store.ts";
import type { References } from "./references.ts";
import { FRAME_TYPE, type FrameTable } from "./types.ts";

/** What ownership is kept with. */
export interface OwnershipParts {
  readonly store: FrameStore;
  readonly domains: FrameDomains;
  readonly references: References;
  readonly freeFrames: FreeFrames;
  readonly entryMemory: EntryMemory;
  readonly flush: (frame: number) => void;
  /** Makes the frame's entry of the machine-to-physical table invalid. */
  readonly forgetPhysicalNumber: (frame: Mfn) => void;
  readonly ownerChanged: (frame: number, owner: number) => void;
}

/** Who has which frame. See `FrameTable`. */
export interface Ownership
  extends Pick<
    FrameTable,
    | "allocate"
    | "allocateExtent"
    | "allocateMonitor"
    | "shareMonitor"
    | "releaseMonitor"
    | "release"
    | "steal"
    | "assign"
    | "discard"
  > {
  /** The last reference has gone: the frame is flushed, scrubbed and free. */
  free(frame: number): void;
  /** Gives frames that were never free to the monitor, which lends them to DOMID_XEN for reading. */
  adoptMonitor(first: number, count: number): void;
  /** Takes away the owner's own reference, if it is still there. */
  dropAllocation(frame: number): void;
}

/** Gives the first `count` frames, which are no RAM to guests, to DOMID_IO. */
export const reserveFrames = (store: FrameStore, count: number): void => {
  store.owner.fill(DOMID_IO, 0, count);
  store.count.fill(1, 0, count);
};

/** Makes the ownership side of a frame table. */
export const createOwnership = (parts: OwnershipParts): Ownership => {
  const { store, domains, references, freeFrames } = parts;

  const setOwner = (frame: number, owner: DomId): void => {
    store.owner[frame] = owner;
    parts.ownerChanged(frame, owner);
  };

  /** A frame without references gets an owner and its first reference. */
  const give = (frame: number, owner: DomId, flags: number): void => {
    store.flags[frame] = flags;
    store.count[frame] = 1;
    setOwner(frame, owner);
  };

  const room = (domain: DomId): number => {
    const found = domains.find(domain);
    return found === undefined ? 0 : found.maximumPages - found.pages;
  };

  const addPages = (domain: DomId, pages: number): void => {
    const found = domains.find(domain);
    if (found !== undefined) found.pages += pages;
  };

  /** Nothing refers to the frame any more: forgets what it was. */
  const reset = (frame: number): void => {
    parts.flush(frame);
    store.type[frame] = FRAME_TYPE.none;
    store.flags[frame] = 0;
    setOwner(frame, DOMID_INVALID);
  };

  const scrubAndFree = (frame: number): void => {
    parts.entryMemory.scrub(frame);
    parts.forgetPhysicalNumber(toMfn(frame));
    freeFrames.give(toMfn(frame));
  };

  const dropAllocation = (frame: number): void => {
    if (!hasFlag(store, frame, FRAME_FLAG.allocated)) return;
    clearFlag(store, frame, FRAME_FLAG.allocated);
    references.put(frame);
  };

  /** Ends the use by which a lent frame keeps its type. */
  const endLoan = (frame: number): void => {
    if (!hasFlag(store, frame, FRAME_FLAG.lent)) return;
    clearFlag(store, frame, FRAME_FLAG.lent);
    add(store.typeCount, frame, -1);
  };

  /** Lends a monitor frame: one use keeps its type, so that it can be mapped as the loan says and in no other way. */
  const lend = (frame: number, domain: DomId, writable: boolean): void => {
    store.type[frame] = writable ? FRAME_TYPE.writable : FRAME_TYPE.none;
    setFlag(store, frame, FRAME_FLAG.lent | FRAME_FLAG.validated);
    add(store.typeCount, frame, 1);
    setOwner(frame, domain);
  };

  /** Until it is lent to a domain, DOMID_XEN has a frame of the monitor's, for reading. */
  const giveToMonitor = (frame: number): void => {
    give(frame, DOMID_XEN, FRAME_FLAG.allocated | FRAME_FLAG.monitor);
    lend(frame, DOMID_XEN, false);
  };

  return {
    dropAllocation,
    free(frame) {
      const owner = at(store.owner, frame) as DomId;
      if (!hasFlag(store, frame, FRAME_FLAG.monitor)) addPages(owner, -1);
      reset(frame);
      scrubAndFree(frame);
    },
    allocate(domain, count) {
      if (!(count >= 0) || count > room(domain) || count > freeFrames.count) return -ENOMEM;
      const frames = freeFrames.takeSeveral(count);
      for (const frame of frames) give(frame, domain, FRAME_FLAG.allocated);
      addPages(domain, frames.length);
      return frames;
    },
    allocateExtent(domain, order, limit = Number.POSITIVE_INFINITY) {
      const count = 2 ** order;
      const extent = count > room(domain) ? null : freeFrames.takeExtent(order, limit);
      if (extent === null) return null;
      for (let frame: number = extent; frame < extent + count; frame++)
        give(frame, domain, FRAME_FLAG.allocated);
      addPages(domain, count);
      return extent;
    },
    allocateMonitor() {
      const frame = freeFrames.take();
      if (frame !== null) giveToMonitor(frame);
      return frame;
    },
    adoptMonitor(first, count) {
      for (let frame = first; frame < first + count; frame++) giveToMonitor(frame);
    },
    shareMonitor(frame, domain, writable) {
      if (!hasFlag(store, frame, FRAME_FLAG.monitor) || at(store.owner, frame) !== DOMID_XEN) return;
      parts.flush(frame);
      endLoan(frame);
      lend(frame, domain, writable);
    },
    releaseMonitor(frame) {
      if (!hasFlag(store, frame, FRAME_FLAG.monitor)) return;
      endLoan(frame);
      dropAllocation(frame);
    },
    release(domain, frame) {
      if (!references.getOwned(frame, domain)) return -EINVAL;
      const isMonitors = hasFlag(store, frame, FRAME_FLAG.monitor);
      if (!isMonitors) dropAllocation(frame);
      references.put(frame);
      return isMonitors ? -EINVAL : 0;
    },
    steal(domain, frame) {
      if (!references.getOwned(frame, domain)) return -EINVAL;
      references.put(frame);
      const isFreeToGo =
        hasFlag(store, frame, FRAME_FLAG.allocated) &&
        !hasFlag(store, frame, FRAME_FLAG.monitor) &&
        at(store.count, frame) === 1;
      if (!isFreeToGo) return -EINVAL;
      store.count[frame] = 0;
      addPages(domain, -1);
      reset(frame);
      setFlag(store, frame, FRAME_FLAG.stolen);
      return 0;
    },
    assign(domain, frame) {
      if (!hasFlag(store, frame, FRAME_FLAG.stolen)) return -EINVAL;
      if (room(domain) < 1) return -ENOMEM;
      give(frame, domain, FRAME_FLAG.allocated);
      addPages(domain, 1);
      return 0;
    },
    discard(frame) {
      if (!hasFlag(store, frame, FRAME_FLAG.stolen)) return;
      clearFlag(store, frame, FRAME_FLAG.stolen);
      scrubAndFree(frame);
    },
  };
};
