import {
  add,
  and,
  compare,
  eq,
  i32,
  i64,
  isZero,
  load,
  ne,
  or,
  select,
  shl,
  shrU,
  sub,
  TYPE,
  type Value,
  wrap,
} from "@xenolith/wasm-emitter";
import {
  FRAME_RECORD_FLAG,
  FRAME_RECORD_TYPE,
  FRAME_RECORDS,
  KERNEL_PAGE_HIGH,
  PTE,
  PTE_CACHING_AND_SIZE,
  REGISTER,
} from "@xenolith/x86-architecture";
import { GATES, STATE } from "../../state/layout.ts";
import { LOCATE_READ_WIDE } from "./linear-access.ts";
import { charge, gate, isAtEvents, refuseReserved, register } from "./side-entry.ts";
import type { SystemEmitter } from "./system-emitter.ts";

/** Bytes of a request: the machine address of an entry, and its new value. */
const REQUEST_BYTES = 16;

/** Bits of a machine address of an entry of 8 bytes that say what else is to be done. */
const COMMAND = i64(7);

/** Bits 51:12 of an entry: where its page lies. */
const PAGE_ADDRESS = i64(0xf_ffff_ffff_f000);

const KERNEL_PAGE = i64(KERNEL_PAGE_HIGH * 2 ** 32);

/** log2 of the bytes of a field of {@link FRAME_RECORDS}. */
const SHIFT = { references: 2, uses: 2, owner: 1, type: 0, flags: 0 } as const;

/** What is kept of one frame. */
export class FrameRecord {
  readonly #s: SystemEmitter;
  readonly #records: Value;
  readonly frame: Value;

  constructor(s: SystemEmitter, records: Value, frame: Value) {
    this.#s = s;
    this.#records = records;
    this.frame = frame;
  }

  /** A field, and where it is. */
  #place(field: keyof typeof SHIFT): readonly [at: Value, offset: number] {
    const frameCount = this.#s.context.ramBytes / 4096;
    return [add(this.#records, shl(this.frame, SHIFT[field])), FRAME_RECORDS[field] * frameCount];
  }

  get(field: keyof typeof SHIFT): Value {
    const [at, offset] = this.#place(field);
    return load(TYPE.i32, 2 ** SHIFT[field], false, at, offset);
  }

  /** Adds to a count. */
  add(field: "references" | "uses", by: Value | number): void {
    const [place, offset] = this.#place(field);
    const at = this.#s.pin(place);
    this.#s.body.store(4, at, add(load(TYPE.i32, 4, false, at, offset), by), offset);
  }

  /** Refuses a frame whose contents do not fit a type, so that one more use would need more than a count. */
  refuseUnlessFit(type: number, alsoClear = 0): void {
    const s = this.#s;
    s.refuseUnlessEqual(this.get("type"), type);
    const { validated } = FRAME_RECORD_FLAG;
    s.refuseUnlessEqual(and(this.get("flags"), validated | alsoClear), validated);
  }

  /** Refuses a frame that may not be written for want of being in use so, or for another use. */
  refuseUnlessWritable(): void {
    this.refuseUnlessFit(FRAME_RECORD_TYPE.writable, FRAME_RECORD_FLAG.bound);
  }

  refuseUnlessOwn(): void {
    this.#s.refuseIf(ne(this.get("owner"), gate(this.#s, GATES.frameOwner)));
    this.#s.refuseIf(isZero(this.get("references")));
  }
}

/** Refuses an address beyond RAM. @returns the others as words */
const inRam = (s: SystemEmitter, address: Value): Value => {
  s.refuseIf(compare("geU", address, i64(s.context.ramBytes)));
  return s.pin(wrap(address));
};

/** A request in the kernel's memory, of so many bytes, at its address in RDI. Refuses anything but one, and a count of those done. */
const locateRequest = (s: SystemEmitter, requestBytes: number): Value => {
  s.refuseUnlessEqual(s.field(register(REGISTER.rsi)), 1);
  s.refuseIf(ne(s.wideField(register(REGISTER.rdx)), i64(0)));
  s.refuseIf(ne(s.field(register(REGISTER.r10)), gate(s, GATES.updateSubject)));
  const pointer = s.pin(s.wideField(register(REGISTER.rdi)));
  refuseReserved(s, pointer);
  const request = s.call(LOCATE_READ_WIDE, pointer, i32(requestBytes), s.pin(s.field(STATE.spaceTag)));
  s.refuseIf(s.isNowhere(request));
  return request;
};

/** Machine address of the frame that an entry leads to. Refuses one beyond RAM. */
export const frameAddressIn = (s: SystemEmitter, entry: Value): Value =>
  inRam(s, s.pin(and(entry, PAGE_ADDRESS)));

/** The frame that a present entry leads to, one of the kernel's own. Refuses any other. */
const ownFrame = (s: SystemEmitter, records: Value, entry: Value): FrameRecord => {
  const frame = s.pin(shrU(frameAddressIn(s, entry), 12));
  const record = new FrameRecord(s, records, frame);
  record.refuseUnlessOwn();
  return record;
};

/** 1 for an entry that allows writing, else 0. */
const writeRight = (low: Value): Value => and(shrU(low, Math.log2(PTE.writable)), 1);

/** An entry of a table of level 1 gives way to another. */
export const emitReplacement = (s: SystemEmitter, records: Value, at: Value, value: Value): void => {
  const { body, context } = s;
  const low = s.pin(wrap(value));
  const old = s.pin(load(TYPE.i64, 8, false, at));
  const oldLow = s.pin(wrap(old));
  const isPresent = s.pin(and(low, PTE.present));
  const wasPresent = s.pin(and(oldLow, PTE.present));
  const isWritable = s.pin(writeRight(low));
  const wasWritable = s.pin(writeRight(oldLow));
  const stored = s.pin(value);
  body.if(wasPresent);
  const before = ownFrame(s, records, old);
  s.refuseIf(eq(before.get("references"), 1));
  body.if(wasWritable);
  before.refuseUnlessWritable();
  s.refuseIf(isZero(before.get("uses")));
  body.end();
  body.end();
  body.if(isPresent);
  s.refuseIf(and(low, PTE_CACHING_AND_SIZE));
  const page = ownFrame(s, records, value);
  body.if(isWritable);
  page.refuseUnlessWritable();
  body.end();

  // Nothing can go wrong any more.
  page.add("references", 1);
  page.add("uses", isWritable);
  const isKernels = or(isZero(and(low, PTE.user)), ne(and(value, KERNEL_PAGE), i64(0)));
  const marked = select(or(value, KERNEL_PAGE), or(value, i64(PTE.global)), isKernels);
  body.set(stored, or(marked, i64(PTE.user)));
  body.end();
  body.store(8, at, stored);
  body.if(wasPresent);
  before.add("references", -1);
  before.add("uses", sub(i32(0), wasWritable));
  body.call(context.forgetFrame, before.frame);
  body.end();
};

/** The kernel's call that changes one entry in one of its tables; see `TransitionGates.updateCall`. */
export const emitTableUpdate = (s: SystemEmitter): void => {
  const { body, context } = s;
  const records = s.pin(gate(s, GATES.frameRecords));
  s.refuseIf(isZero(records));
  const request = locateRequest(s, REQUEST_BYTES);
  const place = s.pin(load(TYPE.i64, 8, false, request));
  s.refuseIf(ne(and(place, COMMAND), i64(0)));
  const at = inRam(s, place);
  const table = s.pin(shrU(at, 12));
  const record = new FrameRecord(s, records, table);
  record.refuseUnlessOwn();
  s.refuseIf(load(TYPE.i32, 1, false, table, context.watchTable));
  const value = s.pin(load(TYPE.i64, 8, false, request, 8));
  body.if(eq(record.get("type"), FRAME_RECORD_TYPE.level1));
  record.refuseUnlessFit(FRAME_RECORD_TYPE.level1);
  s.refuseIf(isZero(record.get("uses")));
  emitReplacement(s, records, at, value);
  charge(s, s.field(STATE.budget), GATES.updateCost);
  body.else();
  record.refuseUnlessWritable();
  s.refuseIf(isAtEvents(s, at));
  body.store(8, at, value);
  charge(s, s.field(STATE.budget), GATES.requestCost);
  body.end();
};

/** Bytes of a request of the call that flushes, and bits of a command. */
const FLUSH_REQUEST_BYTES = 24;
const COMMAND_BITS = 32;

/** The kernel's call that asks for a flush that has nothing to do; see `TransitionGates.flushCall`. */
export const emitFlush = (s: SystemEmitter): void => {
  const request = locateRequest(s, FLUSH_REQUEST_BYTES);
  const command = s.pin(s.read(request, 0));
  s.refuseIf(s.above(command, i32(COMMAND_BITS - 1)));
  s.refuseIf(isZero(and(shrU(gate(s, GATES.flushCommands), command), 1)));
  charge(s, s.field(STATE.budget), GATES.flushCost);
};
