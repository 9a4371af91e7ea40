import { and, eq, isZero, mul, or, type Value, wrap } from "@xenolith/wasm-emitter";
import { FRAME_RECORD_FLAG, FRAME_RECORD_TYPE, PTE_CACHING_AND_SIZE } from "@xenolith/x86-architecture";
import { STATE } from "../../state/layout.ts";
import { type FrameRecord, ownFrame, pageOf } from "./frame-record.ts";
import { chargeFor, entryCost } from "./side-entry.ts";
import type { SystemEmitter } from "./system-emitter.ts";
import {
  emitGain,
  emitLoss,
  forEachPresent,
  markedEntry,
  refuseLoss,
  TABLE_ENTRIES,
  writeRight,
} from "./table-entries.ts";

/** Charges for going through a table. */
const chargeForTable = (s: SystemEmitter): void => {
  chargeFor(s, s.field(STATE.budget), mul(entryCost(s), TABLE_ENTRIES));
};

/** Refuses a frame that could not become a table of level 1 that is pinned, given how often it is used by then. */
export const refusePin = (s: SystemEmitter, records: Value, table: FrameRecord, uses: Value): void => {
  const { body } = s;
  table.refuseUnlessOwn();
  s.refuseIf(uses);
  s.refuseIf(and(table.get("flags"), FRAME_RECORD_FLAG.pinned));
  table.refuseWatched();
  forEachPresent(s, table.frame, (_at, entry) => {
    s.refuseIf(and(wrap(entry), PTE_CACHING_AND_SIZE));
    const page = ownFrame(s, records, entry);
    s.refuseIf(eq(page.frame, table.frame));
    body.if(writeRight(entry));
    page.refuseUnlessWritable();
    body.end();
  });
};

/** Makes a frame that {@link refusePin} does not refuse a table of level 1, and pins it. */
export const emitPin = (s: SystemEmitter, records: Value, table: FrameRecord): void => {
  const { body } = s;
  table.become(FRAME_RECORD_TYPE.level1);
  table.set("flags", or(table.get("flags"), FRAME_RECORD_FLAG.pinned));
  table.add("references", 1);
  table.add("uses", 1);
  forEachPresent(s, table.frame, (at, entry) => {
    const page = pageOf(s, records, entry);
    emitGain(s, page, entry);
    body.store(8, at, markedEntry(entry));
  });
  chargeForTable(s);
};

/** Refuses a frame that is not a table of level 1 for nothing but being pinned, or that leads to others than the kernel's own pages. */
export const refuseUnpin = (s: SystemEmitter, records: Value, table: FrameRecord): void => {
  const { pinned } = FRAME_RECORD_FLAG;
  table.refuseUnlessOwn();
  table.refuseUnlessFit(FRAME_RECORD_TYPE.level1);
  table.refuseUnlessAllocated();
  s.refuseIf(isZero(and(table.get("flags"), pinned)));
  s.refuseUnlessEqual(table.get("uses"), 1);
  forEachPresent(s, table.frame, (_at, entry) => {
    refuseLoss(s, ownFrame(s, records, entry), entry);
  });
};

/** A table that {@link refuseUnpin} does not refuse is none any more. */
export const emitUnpin = (s: SystemEmitter, records: Value, table: FrameRecord): void => {
  const gone = FRAME_RECORD_FLAG.pinned | FRAME_RECORD_FLAG.validated;
  table.set("flags", and(table.get("flags"), ~gone));
  table.add("references", -1);
  table.add("uses", -1);
  forEachPresent(s, table.frame, (_at, entry) => {
    emitLoss(pageOf(s, records, entry), entry);
  });
  chargeForTable(s);
};
