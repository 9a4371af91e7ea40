import { PAGE_SHIFT, PAGE_SIZE } from "@xenolith/machine-interface";
import {
  add,
  and,
  eq,
  i32,
  isZero,
  load,
  ltU,
  mul,
  or,
  shl,
  sub,
  TYPE,
  type Value,
  wrap,
} from "@xenolith/wasm-emitter";
import { FRAME_RECORD_FLAG, FRAME_RECORD_TYPE, PTE, PTE_CACHING_AND_SIZE } from "@xenolith/x86-architecture";
import { STATE } from "../../state/layout.ts";
import { type FrameRecord, ownFrame, PAGE_ADDRESS, recordAt } from "./frame-record.ts";
import { chargeFor, entryCost } from "./side-entry.ts";
import type { SystemEmitter } from "./system-emitter.ts";
import { markedEntry, writeRight } from "./table-update.ts";

const ENTRY_BYTES = 8;
const ENTRIES = PAGE_SIZE / ENTRY_BYTES;

/** Goes through the present entries of a table. */
const forEachPresent = (s: SystemEmitter, frame: Value, act: (at: Value, entry: Value) => void): void => {
  const { body } = s;
  const at = s.pin(shl(frame, PAGE_SHIFT));
  const end = s.pin(add(at, PAGE_SIZE));
  const again = body.loop();
  body.if(and(s.read(at, 0), PTE.present));
  act(at, s.pin(load(TYPE.i64, 8, false, at)));
  body.end();
  body.increment(at, ENTRY_BYTES);
  body.branchIf(again, ltU(at, end));
  body.end();
};

/** Charges for going through a table. */
const chargeForTable = (s: SystemEmitter): void => {
  chargeFor(s, s.field(STATE.budget), mul(entryCost(s), ENTRIES));
};

const pageOf = (s: SystemEmitter, records: Value, entry: Value): FrameRecord =>
  recordAt(s, records, wrap(and(entry, PAGE_ADDRESS)));

/** Refuses a frame that could not become a table of level 1 that is pinned, given how often it is used by then. */
export const refusePin = (s: SystemEmitter, records: Value, table: FrameRecord, uses: Value): void => {
  const { body, context } = s;
  table.refuseUnlessOwn();
  s.refuseIf(uses);
  s.refuseIf(and(table.get("flags"), FRAME_RECORD_FLAG.pinned));
  s.refuseIf(load(TYPE.i32, 1, false, table.frame, context.watchTable));
  forEachPresent(s, table.frame, (_at, entry) => {
    s.refuseIf(and(wrap(entry), PTE_CACHING_AND_SIZE));
    const page = ownFrame(s, records, entry);
    s.refuseIf(eq(page.frame, table.frame));
    body.if(writeRight(wrap(entry)));
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
    page.add("references", 1);
    body.if(writeRight(wrap(entry)));
    page.become(FRAME_RECORD_TYPE.writable);
    page.add("uses", 1);
    body.end();
    body.store(8, at, markedEntry(entry));
  });
  chargeForTable(s);
};

/** Refuses a frame that is not a table of level 1 for nothing but being pinned, or that leads to others than the kernel's own pages. */
export const refuseUnpin = (s: SystemEmitter, records: Value, table: FrameRecord): void => {
  const { body } = s;
  const { pinned } = FRAME_RECORD_FLAG;
  table.refuseUnlessOwn();
  table.refuseUnlessFit(FRAME_RECORD_TYPE.level1);
  table.refuseUnlessAllocated();
  s.refuseIf(isZero(and(table.get("flags"), pinned)));
  s.refuseUnlessEqual(table.get("uses"), 1);
  forEachPresent(s, table.frame, (_at, entry) => {
    const page = ownFrame(s, records, entry);
    page.refuseUnlessAllocated();
    body.if(writeRight(wrap(entry)));
    page.refuseUnlessFit(FRAME_RECORD_TYPE.writable);
    s.refuseIf(isZero(page.get("uses")));
    body.end();
  });
};

/** A table that {@link refuseUnpin} does not refuse is none any more. */
export const emitUnpin = (s: SystemEmitter, records: Value, table: FrameRecord): void => {
  const gone = FRAME_RECORD_FLAG.pinned | FRAME_RECORD_FLAG.validated;
  table.set("flags", and(table.get("flags"), ~gone));
  table.add("references", -1);
  table.add("uses", -1);
  forEachPresent(s, table.frame, (_at, entry) => {
    const page = pageOf(s, records, entry);
    page.add("references", -1);
    page.add("uses", sub(i32(0), writeRight(wrap(entry))));
  });
  chargeForTable(s);
};
