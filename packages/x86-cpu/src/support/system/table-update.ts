import { PAGE_SHIFT } from "@xenolith/machine-interface";
import {
  add,
  and,
  eq,
  i32,
  i64,
  isZero,
  load,
  ltU,
  mul,
  ne,
  or,
  select,
  shl,
  shrU,
  sub,
  TYPE,
  type Value,
  wrap,
  xor,
} from "@xenolith/wasm-emitter";
import { FRAME_RECORD_TYPE, PTE, PTE_CACHING_AND_SIZE, REGISTER } from "@xenolith/x86-architecture";
import { GATES, STATE } from "../../state/layout.ts";
import type { SupportFunction } from "../support-function.ts";
import { inRam, ownFrame, PAGE_ADDRESS, pageOf, recordAt, recordsOf } from "./frame-record.ts";
import { LOCATE_READ_WIDE } from "./linear-access.ts";
import { charge, chargeFor, entryCost, gate, isAtEvents, refuseReserved, register } from "./side-entry.ts";
import type { SystemEmitter } from "./system-emitter.ts";
import {
  ENTRY_BYTES,
  emitGain,
  emitLoss,
  forEachPresent,
  markedEntry,
  refuseLoss,
  TABLE_ENTRIES,
  writeRight,
} from "./table-entries.ts";

/** Bytes of a request: the machine address of an entry, and its new value. */
const REQUEST_BYTES = 16;

/** Requests of a call at most: so few that the monitor would not give others their turn in between. */
const MOST_REQUESTS = 16;

/**
 * Of the machine address of an entry of 8 bytes, the low bits say what else is to be done: here that is to keep the accessed and
 * dirty bits, or nothing.
 */
const COMMAND = { entry: i64(-8), unknown: i64(5), keeps: i64(2) } as const;

/** Where bytes at an address in the kernel's memory are. Refuses what is not there, is the monitor's or lies on two pages. */
export const locateOwn = (
  s: SystemEmitter,
  pointer: Value,
  lengthBytes: Value,
  by: SupportFunction = LOCATE_READ_WIDE,
): Value => {
  refuseReserved(s, pointer);
  const place = s.call(by, pointer, lengthBytes, s.pin(s.field(STATE.spaceTag)));
  s.refuseIf(s.isNowhere(place));
  return place;
};

/** Requests at their address in RDI. Refuses where done ones are counted. */
const locateRequests = (s: SystemEmitter, lengthBytes: Value): Value => {
  s.refuseIf(ne(s.wideField(register(REGISTER.rdx)), i64(0)));
  s.refuseIf(ne(s.field(register(REGISTER.r10)), gate(s, GATES.updateSubject)));
  return locateOwn(s, s.pin(s.wideField(register(REGISTER.rdi))), lengthBytes);
};

/** What else is done by a call that changes an entry. */
export interface ReplacementLimits {
  /** Refuses an old page, given its frame, that has to stay where it is mapped. */
  readonly refuseOld: (frame: Value) => void;
  /** Uses of a page, given its frame, that end before. */
  readonly endingUses: (frame: Value) => Value | number;
}

/** Nothing: nobody reads after the change, and nothing comes before it. */
const NO_LIMITS: ReplacementLimits = { refuseOld: () => undefined, endingUses: () => 0 };

/** Refuses what is not a change of an entry of a table of level 1 that only counts the kernel's own pages. */
export const refuseReplacement = (
  s: SystemEmitter,
  records: Value,
  at: Value,
  value: Value,
  { refuseOld, endingUses }: ReplacementLimits = NO_LIMITS,
): void => {
  const { body } = s;
  const low = s.pin(wrap(value));
  const old = s.pin(load(TYPE.i64, 8, false, at));
  body.if(and(wrap(old), PTE.present));
  const before = ownFrame(s, records, old);
  refuseOld(before.frame);
  refuseLoss(s, before, old);
  body.end();
  body.if(and(low, PTE.present));
  s.refuseIf(and(low, PTE_CACHING_AND_SIZE));
  const page = ownFrame(s, records, value);
  body.if(writeRight(value));
  page.refuseUnlessWritable(endingUses(page.frame));
  body.end();
  body.end();
};

/** An entry of a table of level 1 gives way to another: nothing that {@link refuseReplacement} refuses. */
export const emitReplacement = (s: SystemEmitter, records: Value, at: Value, value: Value): void => {
  const { body, context } = s;
  const low = s.pin(wrap(value));
  const old = s.pin(load(TYPE.i64, 8, false, at));
  const stored = s.pin(value);
  body.if(and(low, PTE.present));
  const page = pageOf(s, records, value);
  emitGain(s, page, value);
  body.set(stored, markedEntry(value));
  body.end();
  body.store(8, at, stored);
  body.if(and(wrap(old), PTE.present));
  const before = pageOf(s, records, old);
  emitLoss(before, old);
  body.call(context.forgetFrame, before.frame);
  body.end();
};

/** Of the entries of the root the first that is for the upper half of the addresses. */
const UPPER_HALF = 256;

/** How often an empty page that becomes a table is looked through by the monitor: for what it leads to, and to check that. */
const LOOKS_AT_TABLE = 2;

/**
 * Refuses what is not an entry of a table above level 1 that leads to a table, or to an empty page that can become one above level 1,
 * or nowhere, where there was none. Sets `isNew` where it is such a page.
 */
const refuseLink = (s: SystemEmitter, records: Value, request: TableRequest, isNew: Value): void => {
  const { body } = s;
  const { at, value, level } = request;
  const old = s.pin(load(TYPE.i64, 8, false, at));
  s.refuseIf(and(wrap(old), PTE.present));
  const index = and(shrU(at, 3), TABLE_ENTRIES - 1);
  s.refuseIf(and(eq(level, FRAME_RECORD_TYPE.level4), s.above(index, UPPER_HALF - 1)));
  body.if(and(wrap(value), PTE.present));
  s.refuseIf(and(wrap(value), PTE_CACHING_AND_SIZE | PTE.global));
  const table = ownFrame(s, records, value);
  body.if(table.get("uses"));
  table.refuseUnlessFit(sub(level, 1));
  body.else();
  s.refuseIf(eq(level, FRAME_RECORD_TYPE.level2));
  s.refuseIf(eq(and(xor(value, old), PAGE_ADDRESS), i64(0)));
  forEachPresent(s, table.frame, () => s.refuseIf(i32(1)));
  body.set(isNew, i32(1));
  body.end();
  body.end();
};

/** An entry of a table above level 1 is made: nothing that {@link refuseLink} refuses. */
const emitLink = (s: SystemEmitter, records: Value, { at, value, level }: TableRequest): void => {
  const { body } = s;
  const stored = s.pin(value);
  body.if(and(wrap(value), PTE.present));
  const table = pageOf(s, records, value);
  body.if(isZero(table.get("uses")));
  table.become(s.pin(sub(level, 1)));
  chargeFor(s, s.field(STATE.budget), mul(entryCost(s), LOOKS_AT_TABLE * TABLE_ENTRIES));
  body.end();
  table.add("references", 1);
  table.add("uses", 1);
  const marks = select(i64(PTE.user | PTE.accessed), i64(PTE.user), eq(level, FRAME_RECORD_TYPE.level4));
  body.set(stored, or(value, marks));
  body.end();
  body.store(8, at, stored);
};

/** What is asked of a table: a machine address, the value to be stored there, and the table's level. */
interface TableRequest {
  readonly at: Value;
  readonly value: Value;
  readonly level: Value;
}

/** Whether a type of a frame is that of a table. */
const isTable = (type: Value): Value => ltU(sub(type, FRAME_RECORD_TYPE.level1), FRAME_RECORD_TYPE.level4);

/** What is known of the requests of a call together. */
interface Requests {
  readonly first: Value;
  readonly count: Value;
  /** Bit n: one is about a table of level n, or 0, about a page that is none. */
  readonly levels: Value;
  /** Whether one makes a page a table. */
  readonly isNew: Value;
  /** Where the next entry of a table above level 1 may stand: behind all others, so that none is changed twice. */
  readonly nextLink: Value;
}

/** Refuses one of several requests that could not be carried out, whatever the others are. */
const refuseRequest = (
  s: SystemEmitter,
  records: Value,
  place: Value,
  value: Value,
  { first, count, levels, isNew, nextLink }: Requests,
): void => {
  const { body } = s;
  // What the requests themselves lie in neither changes nor goes while there are others to be read.
  const refuseHome = (frame: Value): void =>
    s.refuseIf(and(eq(frame, shrU(first, PAGE_SHIFT)), s.above(count, i32(1))));
  s.refuseIf(ne(and(place, COMMAND.unknown), i64(0)));
  const at = inRam(s, s.pin(and(place, COMMAND.entry)));
  const record = recordAt(s, records, at);
  record.refuseUnlessOwn();
  record.refuseWatched();
  const type = s.pin(record.get("type"));
  const level = s.pin(select(type, i32(0), isTable(type)));
  body.set(levels, or(levels, shl(i32(1), level)));
  body.if(level);
  record.refuseUnlessTable(level);
  body.if(eq(level, FRAME_RECORD_TYPE.level1));
  refuseReplacement(s, records, at, value, { refuseOld: refuseHome, endingUses: () => 0 });
  body.else();
  s.refuseIf(ltU(at, nextLink));
  body.set(nextLink, add(at, ENTRY_BYTES));
  refuseLink(s, records, { at, value, level }, isNew);
  body.end();
  body.else();
  record.refuseUnlessWritable();
  s.refuseIf(isAtEvents(s, at));
  refuseHome(record.frame);
  body.end();
};

/** Carries out a request that {@link refuseRequest} does not refuse, and charges for it. */
const emitRequest = (s: SystemEmitter, records: Value, place: Value, value: Value): void => {
  const { body } = s;
  const at = s.pin(wrap(and(place, COMMAND.entry)));
  const record = recordAt(s, records, at);
  const level = s.pin(record.get("type"));
  body.if(isTable(level));
  const keeps = ne(and(place, COMMAND.keeps), i64(0));
  const kept = and(load(TYPE.i64, 8, false, at), select(i64(PTE.accessed | PTE.dirty), i64(0), keeps));
  const entry = s.pin(or(value, kept));
  body.if(eq(level, FRAME_RECORD_TYPE.level1));
  emitReplacement(s, records, at, entry);
  body.else();
  emitLink(s, records, { at, value: entry, level });
  body.end();
  charge(s, s.field(STATE.budget), GATES.updateCost);
  body.else();
  record.become(FRAME_RECORD_TYPE.writable);
  body.store(8, at, value);
  charge(s, s.field(STATE.budget), GATES.requestCost);
  body.end();
};

/** The kernel's call that changes entries in its tables; see `TransitionGates.updateCall`. All are looked at before the first is changed. */
export const emitTableUpdate = (s: SystemEmitter): void => {
  const { body } = s;
  const records = recordsOf(s);
  const count = s.pin(s.field(register(REGISTER.rsi)));
  s.refuseIf(s.above(sub(count, 1), i32(MOST_REQUESTS - 1)));
  const lengthBytes = s.pin(shl(count, Math.log2(REQUEST_BYTES)));
  const first = locateRequests(s, lengthBytes);
  const end = s.pin(add(first, lengthBytes));
  const request = body.local(TYPE.i32);
  const forEach = (act: (place: Value, value: Value) => void): void => {
    body.set(request, first);
    const again = body.loop();
    act(s.pin(load(TYPE.i64, 8, false, request)), s.pin(load(TYPE.i64, 8, false, request, 8)));
    body.increment(request, REQUEST_BYTES);
    body.branchIf(again, ltU(request, end));
    body.end();
  };
  const [levels, isNew, nextLink] = [s.pin(i32(0)), s.pin(i32(0)), s.pin(i32(0))];
  const requests = { first, count, levels, isNew, nextLink };
  forEach((place, value) => refuseRequest(s, records, place, value, requests));
  // A page that others change, or make something else, has not been looked at as it will be.
  s.refuseIf(and(ne(and(levels, sub(levels, 1)), 0), isNew));
  forEach((place, value) => emitRequest(s, records, place, value));
};

/** Bytes of a request of the call that flushes, and bits of a command. */
const FLUSH_REQUEST_BYTES = 24;
const COMMAND_BITS = 32;

/** The kernel's call that asks for a flush that has nothing to do; see `TransitionGates.flushCall`. */
export const emitFlush = (s: SystemEmitter): void => {
  s.refuseUnlessEqual(s.field(register(REGISTER.rsi)), 1);
  const request = locateRequests(s, i32(FLUSH_REQUEST_BYTES));
  const command = s.pin(s.read(request, 0));
  s.refuseIf(s.above(command, i32(COMMAND_BITS - 1)));
  s.refuseIf(isZero(and(shrU(gate(s, GATES.flushCommands), command), 1)));
  charge(s, s.field(STATE.budget), GATES.flushCost);
};
