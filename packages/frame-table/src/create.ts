import { HostError, type Mfn, toMfn } from "@xenolith/machine-interface";
import { silentTrace } from "@xenolith/trace";
import { DOMID_INVALID, type DomId, EINVAL } from "@xenolith/xen-abi";
import { checkInvariants } from "./check-invariants.ts";
import { writeDescriptor } from "./descriptor-page.ts";
import { checkDescriptor } from "./descriptor-rules.ts";
import { createFrameDomains } from "./domains.ts";
import { createEntryReferences } from "./entry-references.ts";
import { findLevel1Entry } from "./find-entry.ts";
import { createFreeFrames } from "./free-frames.ts";
import { createHeldReferences } from "./held-references.ts";
import { createEntryMemory } from "./internal/entry-memory.ts";
import { at, createFrameStore, FRAME_FLAG, hasFlag } from "./internal/frame-store.ts";
import { createMachineToPhysical, machineToPhysicalFrames } from "./machine-to-physical.ts";
import { createOwnership, type Ownership, reserveFrames } from "./ownership.ts";
import { createPinning } from "./pinning.ts";
import { createReferences, type TypeContents } from "./references.ts";
import { createRelinquish } from "./relinquish.ts";
import { createTableContents } from "./table-contents.ts";
import { slotCount } from "./table-rules.ts";
import { FRAME_OWNER, FRAME_TYPE_CHANGE } from "./trace.ts";
import {
  FRAME_TYPE,
  type FrameDescription,
  type FrameTable,
  type FrameTableOptions,
  type FrameType,
  type TableLevel,
} from "./types.ts";
import { createEntryUpdater } from "./update-entry.ts";

/**
 * Makes the frame table of a machine whose RAM is all zero and free.
 * @throws HostError `frame-table-size` when memory does not even hold the machine-to-physical table.
 */
export const createFrameTable = (options: FrameTableOptions): FrameTable => {
  const { memory, entropy, reservedFrames = 0, trace = silentTrace } = options;
  const store = createFrameStore(memory.frameCount);
  const domains = createFrameDomains();
  const entryMemory = createEntryMemory(memory);
  const wide = options.wideMachineToPhysical ?? false;
  const tableFrames = machineToPhysicalFrames(memory.frameCount, wide);
  const firstFree = reservedFrames + tableFrames;
  if (!(reservedFrames >= 0 && firstFree <= memory.frameCount)) {
    throw new HostError("frame-table-size", "memory does not hold the machine-to-physical table");
  }
  reserveFrames(store, reservedFrames);
  const machineToPhysical = createMachineToPhysical({ memory, firstFrame: reservedFrames, wide });
  const freeFrames = createFreeFrames(firstFree, memory.frameCount, entropy);
  const ownerEvent = trace.define(FRAME_OWNER);
  const typeEvent = trace.define(FRAME_TYPE_CHANGE);
  let work = 0;

  const worked = (entries: number): void => {
    work += entries;
  };
  const flush = (frame: number): void => options.onFlush(toMfn(frame));
  const tableChanged = (domain: DomId, level: TableLevel): void => options.onTableChange(domain, level);

  // Counts, contents and ownership call one another: a type needs its contents checked, contents hold counts, a last count
  // frees. The two closures below are what is bound late.
  let contents: TypeContents | null = null;
  let ownership: Ownership | null = null;
  const references = createReferences(
    store,
    {
      validate: (frame, type, lastSlot) => contents?.validate(frame, type, lastSlot) ?? -EINVAL,
      devalidate: (frame, type) => contents?.devalidate(frame, type),
    },
    {
      flush,
      free: (frame) => ownership?.free(frame),
      typeChanged(frame, from, to) {
        if (trace.on) trace.record(typeEvent, frame, at(store.owner, frame), from, to);
      },
    },
  );
  const entries = createEntryReferences({
    store,
    references,
    flush,
    ioPermitted: options.ioPermitted ?? (() => false),
  });
  contents = createTableContents({ store, domains, entries, entryMemory, worked, tableChanged });
  const owned = createOwnership({
    store,
    domains,
    references,
    freeFrames,
    entryMemory,
    flush,
    forgetPhysicalNumber: (frame) => machineToPhysical.write(frame, null),
    ownerChanged(frame, owner) {
      if (trace.on) trace.record(ownerEvent, frame, owner);
    },
  });
  ownership = owned;
  owned.adoptMonitor(reservedFrames, tableFrames);

  const updater = createEntryUpdater({
    store,
    domains,
    references,
    entries,
    entryMemory,
    worked,
    tableChanged,
  });
  const held = createHeldReferences({ store, references, entries, entryMemory, updater, flush });
  const pinning = createPinning(store, domains, references);
  const relinquish = createRelinquish({ store, domains, ownership: owned, unpin: pinning.unpin });

  const exists = (frame: number): boolean =>
    frame >= 0 && frame < store.frameCount && Number.isInteger(frame);

  const describe = (frame: Mfn): FrameDescription | null => {
    if (!exists(frame)) return null;
    return {
      owner: at(store.owner, frame) as DomId,
      type: at(store.type, frame) as FrameType,
      typeCount: at(store.typeCount, frame),
      count: at(store.count, frame),
      validated: hasFlag(store, frame, FRAME_FLAG.validated),
      pinned: hasFlag(store, frame, FRAME_FLAG.pinned),
      monitor: hasFlag(store, frame, FRAME_FLAG.monitor),
      held: at(store.heldCount, frame),
    };
  };

  const updateDescriptor: FrameTable["updateDescriptor"] = (domain, frame, offset, low, high) => {
    const { rules } = domains.get(domain);
    const checked = checkDescriptor(rules.width, low, high);
    if (checked === null || offset % 8 !== 0 || !references.getOwned(frame, domain)) return -EINVAL;
    const isDescriptors = at(store.type, frame) === FRAME_TYPE.descriptors;
    const error = references.getType(frame, isDescriptors ? FRAME_TYPE.descriptors : FRAME_TYPE.writable);
    if (error === 0) {
      writeDescriptor(entryMemory, frame, offset / 8, checked.low, checked.high);
      references.putType(frame);
    }
    references.put(frame);
    return error === 0 ? 0 : -EINVAL;
  };

  return {
    frameCount: store.frameCount,
    machineToPhysical,
    get freeFrames(): number {
      return freeFrames.count;
    },
    get work(): number {
      return work;
    },
    addDomain: domains.add,
    pagesOf: (domain) => domains.find(domain)?.pages ?? 0,
    maximumPagesOf: (domain) => domains.find(domain)?.maximumPages ?? 0,
    setMaximumPages(domain, pages) {
      domains.get(domain).maximumPages = pages;
    },
    allocate: owned.allocate,
    allocateMonitor: owned.allocateMonitor,
    shareMonitor: owned.shareMonitor,
    releaseMonitor: owned.releaseMonitor,
    release: owned.release,
    steal: owned.steal,
    assign: owned.assign,
    discard: owned.discard,
    ...relinquish,
    exists,
    ownerOf: (frame) => (exists(frame) ? at(store.owner, frame) : DOMID_INVALID) as DomId,
    typeOf: (frame) => (exists(frame) ? at(store.type, frame) : FRAME_TYPE.none) as FrameType,
    levelOf: (frame) => (exists(frame) ? updater.levelOf(frame) : 0),
    describe,
    ...held,
    ...pinning,
    rootLevelOf: (domain) => domains.get(domain).rules.rootLevel,
    readEntry(domain, frame, index) {
      const { rules } = domains.get(domain);
      return exists(frame) && index >= 0 && index < slotCount(rules)
        ? entryMemory.read(rules, frame, index)
        : null;
    },
    findLevel1Entry: (domain, root, address) =>
      findLevel1Entry(entryMemory, domains.get(domain).rules, root, address),
    updateEntry: updater.updateEntry,
    storeEntry: updater.storeEntry,
    updateDescriptor,
    checkInvariants: (checkOptions = {}) =>
      checkInvariants({ store, domains, freeFrames, entryMemory, levelOf: updater.levelOf }, checkOptions),
  };
};
