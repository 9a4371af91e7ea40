import { PAGE_SHIFT } from "@xenolith/machine-interface";
import {
  add,
  and,
  compare,
  eq,
  i32,
  i64,
  isZero,
  load,
  mul,
  ne,
  or,
  select,
  shrU,
  sub,
  TYPE,
  type Value,
  widen,
  wrap,
} from "@xenolith/wasm-emitter";
import { PTE, REGISTER } from "@xenolith/x86-architecture";
import { GATES, STATE } from "../../state/layout.ts";
import { FrameRecord, locateLevel1, PAGE_ADDRESS, recordsOf } from "./frame-record.ts";
import { LOCATE_WRITE_WIDE } from "./linear-access.ts";
import { charge, chargeFor, gate, isAtEvents, register } from "./side-entry.ts";
import type { SystemEmitter } from "./system-emitter.ts";
import { writeRight } from "./table-entries.ts";
import { emitMapping, refuseMapping } from "./table-mapping.ts";
import { emitPin, emitUnpin, refusePin, refuseUnpin } from "./table-pins.ts";
import { locateOwn } from "./table-update.ts";

/** A call of a list: its number, its answer, and its arguments of 8 bytes each. */
const CALL = { number: 0, answer: 8, arguments: 16, sizeBytes: 64 } as const;
/** Calls of a list. */
const COUNT = 2;
/** A request about a table: command and number of its frame. */
const REQUEST = { command: 0, frame: 8, sizeBytes: 24 } as const;
const COMMAND = { pin: i32(0), unpin: i32(4) } as const;

const argument = (s: SystemEmitter, call: Value, index: number): Value =>
  s.pin(load(TYPE.i64, 8, false, call, CALL.arguments + 8 * index));

const refuseUnlessCall = (s: SystemEmitter, call: Value, number: Value): void =>
  s.refuseIf(ne(load(TYPE.i64, 8, false, call, CALL.number), widen(number, false)));

/** The one request of a call. Refuses where there are others, where done ones are counted, and where another's tables are meant. */
const locateRequest = (s: SystemEmitter, call: Value): Value => {
  s.refuseUnlessEqual(wrap(argument(s, call, 1)), 1);
  s.refuseIf(ne(argument(s, call, 2), i64(0)));
  s.refuseIf(ne(wrap(argument(s, call, 3)), gate(s, GATES.updateSubject)));
  return locateOwn(s, argument(s, call, 0), i32(REQUEST.sizeBytes));
};

/** Frame that a request is about. Refuses one beyond RAM. */
const frameIn = (s: SystemEmitter, request: Value): Value => {
  const number = s.pin(load(TYPE.i64, 8, false, request, REQUEST.frame));
  s.refuseIf(compare("geU", number, i64(s.context.ramBytes >>> PAGE_SHIFT)));
  return s.pin(wrap(number));
};

/** No frame. */
const NO_FRAME = i32(-1);

/** Frame that an entry leads to, if it is present. */
const frameOf = (entry: Value): Value => wrap(shrU(and(entry, PAGE_ADDRESS), PAGE_SHIFT));

/** 1 for an entry by which a frame may be written, else 0. */
const isWrittenBy = (entry: Value, frame: Value): Value => {
  const isPresent = and(wrap(entry), PTE.present);
  return and(and(eq(frameOf(entry), frame), isPresent), writeRight(entry));
};

/**
 * The kernel's call that makes a list of calls, of which one changes the entry for an address and the other makes the page a table
 * or a table a page: see `TransitionGates.listCall`. Both are looked at before the first is made.
 */
export const emitCallList = (s: SystemEmitter): void => {
  const { body } = s;
  const records = recordsOf(s);
  s.refuseUnlessEqual(s.field(register(REGISTER.rsi)), COUNT);
  const list = s.pin(s.wideField(register(REGISTER.rdi)));
  const first = locateOwn(s, list, i32(COUNT * CALL.sizeBytes));
  const second = s.pin(add(first, CALL.sizeBytes));
  s.refuseIf(isAtEvents(s, first));
  const pins = s.pin(eq(s.read(first, CALL.number), s.field(STATE.mapCall)));
  const mapCall = s.pin(select(first, second, pins));
  const tableCall = s.pin(select(second, first, pins));
  refuseUnlessCall(s, mapCall, s.field(STATE.mapCall));
  refuseUnlessCall(s, tableCall, gate(s, GATES.flushCall));
  // In the order in which the monitor would, so that what is refused has left no traces in tables.
  const tableFrame = s.pin(NO_FRAME);
  const requestFrame = s.pin(NO_FRAME);
  const readRequest = (): void => {
    const request = locateRequest(s, tableCall);
    s.refuseIf(ne(s.read(request, REQUEST.command), select(COMMAND.pin, COMMAND.unpin, pins)));
    body.set(tableFrame, frameIn(s, request));
    body.set(requestFrame, shrU(request, PAGE_SHIFT));
    s.refuseIf(eq(tableFrame, requestFrame));
  };
  body.if(isZero(pins));
  readRequest();
  body.end();
  const listFrame = s.pin(shrU(first, PAGE_SHIFT));
  const mapping = refuseMapping(
    s,
    records,
    { address: argument(s, mapCall, 0), value: argument(s, mapCall, 1), flags: argument(s, mapCall, 2) },
    {
      refuseOld: (frame) => s.refuseIf(or(eq(frame, listFrame), eq(frame, requestFrame))),
      endingUses: (frame) => eq(frame, tableFrame),
    },
  );
  const old = s.pin(load(TYPE.i64, 8, false, mapping.at));
  locateOwn(s, list, i32(COUNT * CALL.sizeBytes), LOCATE_WRITE_WIDE);
  body.if(pins);
  // The request is read where it is mapped afterwards.
  s.refuseIf(eq(locateLevel1(s, argument(s, tableCall, 0), PTE.present), mapping.at));
  readRequest();
  body.end();
  s.refuseIf(eq(tableFrame, listFrame));
  s.refuseIf(eq(shrU(mapping.at, PAGE_SHIFT), tableFrame));
  const table = new FrameRecord(s, records, tableFrame);
  body.if(pins);
  const change = sub(isWrittenBy(mapping.value, table.frame), isWrittenBy(old, table.frame));
  refusePin(s, records, table, s.pin(add(table.get("uses"), change)));
  body.else();
  refuseUnpin(s, records, table);
  body.end();

  // Nothing can go wrong any more.
  body.if(isZero(pins));
  emitUnpin(s, records, table);
  body.end();
  emitMapping(s, records, mapping);
  body.if(pins);
  emitPin(s, records, table);
  body.end();
  for (const call of [first, second]) body.store(8, call, i64(0), CALL.answer);
  charge(s, s.field(STATE.budget), GATES.requestCost);
  chargeFor(s, s.field(STATE.budget), mul(s.field(STATE.listCost), COUNT));
};
