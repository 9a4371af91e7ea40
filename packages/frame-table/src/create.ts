import { HostError, toMfn } from "@xenolith/machine-interface";
import { silentTrace } from "@xenolith/trace";
import { checkInvariants } from "./check-invariants.ts";
import { createFrameDomains } from "./domains.ts";
import { createEntryReferences } from "./entry-references.ts";
import { findLevel1Entry } from "./find-entry.ts";
import { createFreeFrames } from "./free-frames.ts";
import { createHeldReferences } from "./held-references.ts";
import { createEntryMemory } from "./internal/entry-memory.ts";
import { at, createFrameStore } from "./internal/frame-store.ts";
import { createMachineToPhysical, machineToPhysicalFrames } from "./machine-to-physical.ts";
import { createOwnership, type Ownership, reserveFrames } from "./ownership.ts";
import { createPinning } from "./pinning.ts";
import { createQueries, readTableEntry } from "./queries.ts";
import { createReferences, type TypeContents } from "./references.ts";
import { createRelinquish } from "./relinquish.ts";
import { createTableContents, type TableChanged } from "./table-contents.ts";
import { tablesBelow } from "./tables-below.ts";
import { FRAME_TABLE_TRACE } from "./trace.ts";
import type { FrameTable, FrameTableOptions } from "./types.ts";
import { createDescriptorUpdate } from "./update-descriptor.ts";
import { createEntryUpdater } from "./update-entry.ts";

/**
 * Makes the frame table of a machine whose RAM is all zero and free.
 * @throws HostError `frame-table-size` when memory does not even hold the machine-to-physical table.
 */
export const createFrameTable = (options: FrameTableOptions): FrameTable => {
  const { memory, entropy, reservedFrames = 0, trace = silentTrace } = options;
  const { recordsAt } = options;
  const store =
    recordsAt === undefined
      ? createFrameStore(memory.frameCount)
      : createFrameStore(memory.frameCount, memory.bytes.buffer, recordsAt);
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
  const freeFrames = createFreeFrames(firstFree, memory.frameCount, entropy, (count) => {
    table.freeFrames = count;
  });
  const ownerEvent = trace.define(FRAME_TABLE_TRACE.owner);
  const typeEvent = trace.define(FRAME_TABLE_TRACE.type);

  const worked = (entries: number): void => {
    table.work += entries;
  };
  const flush = (frame: number): void => options.onFlush(toMfn(frame));
  const tableChanged: TableChanged = (domain, level, table, index) =>
    options.onTableChange(domain, level, toMfn(table), index);

  // Counts, contents and ownership call one another: a type needs its contents checked, contents hold counts, a last count
  // frees. Functions here look up `contents`, `ownership` and `table` only when they are called.
  const references = createReferences(
    store,
    {
      validate: (frame, type, lastSlot) => contents.validate(frame, type, lastSlot),
      devalidate: (frame, type) => contents.devalidate(frame, type),
    },
    {
      flush,
      free: (frame) => ownership.free(frame),
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
  const contents: TypeContents = createTableContents({
    store,
    domains,
    entries,
    entryMemory,
    worked,
    tableChanged,
  });
  const ownership: Ownership = createOwnership({
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
  ownership.adoptMonitor(reservedFrames, tableFrames);

  const updater = createEntryUpdater({
    flush,
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
  const relinquish = createRelinquish({ store, domains, ownership, unpin: pinning.unpin });

  // Numbers are plain fields: an accessor would make every call on the table a search by name.
  const table: FrameTable & { freeFrames: number; work: number } = {
    frameCount: store.frameCount,
    machineToPhysical,
    freeFrames: freeFrames.count,
    work: 0,
    addDomain: domains.add,
    pagesOf: (domain) => domains.find(domain)?.pages ?? 0,
    maximumPagesOf: (domain) => domains.find(domain)?.maximumPages ?? 0,
    setMaximumPages(domain, pages) {
      domains.get(domain).maximumPages = pages;
    },
    allocate: ownership.allocate,
    allocateExtent: ownership.allocateExtent,
    allocateMonitor: ownership.allocateMonitor,
    shareMonitor: ownership.shareMonitor,
    releaseMonitor: ownership.releaseMonitor,
    release: ownership.release,
    steal: ownership.steal,
    assign: ownership.assign,
    discard: ownership.discard,
    ...relinquish,
    ...createQueries(store, updater.levelOf),
    ...held,
    ...pinning,
    rootLevelOf: (domain) => domains.get(domain).rules.rootLevel,
    readEntry: (domain, frame, index) =>
      readTableEntry(entryMemory, domains.get(domain).rules, store, frame, index),
    tablesBelow(domain, root, level, validated) {
      const { rules } = domains.get(domain);
      const walk = { memory: entryMemory, store, rules, levelOf: updater.levelOf, domain, validated, worked };
      return tablesBelow(walk, root, level);
    },
    findLevel1Entry: (domain, root, address) =>
      findLevel1Entry(entryMemory, domains.get(domain).rules, root, address),
    updateEntry: updater.updateEntry,
    storeEntry: updater.storeEntry,
    updateDescriptor: createDescriptorUpdate(store, domains, references, entryMemory),
    checkInvariants: (checkOptions = {}) =>
      checkInvariants({ store, domains, freeFrames, entryMemory, levelOf: updater.levelOf }, checkOptions),
  };
  return table;
};
