import { PAGE_SHIFT } from "@xenolith/machine-interface";
import {
  add,
  and,
  compare,
  i32,
  i64,
  isZero,
  load,
  ne,
  or,
  shl,
  shrU,
  sub,
  TYPE,
  type Value,
  wrap,
} from "@xenolith/wasm-emitter";
import { FRAME_RECORD_FLAG, FRAME_RECORD_TYPE, FRAME_RECORDS, PTE } from "@xenolith/x86-architecture";
import { GATES, STATE } from "../../state/layout.ts";
import { gate } from "./side-entry.ts";
import type { SystemEmitter } from "./system-emitter.ts";

/** Bits 51:12 of an entry: where its page lies. */
export const PAGE_ADDRESS: Value = i64(0xf_ffff_ffff_f000);

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

  set(field: "type" | "flags" | "uses", value: Value): void {
    const [at, offset] = this.#place(field);
    this.#s.body.store(2 ** SHIFT[field], at, value, offset);
  }

  /** Adds to a count. */
  add(field: "references" | "uses", by: Value | number): void {
    const [place, offset] = this.#place(field);
    const at = this.#s.pin(place);
    this.#s.body.store(4, at, add(load(TYPE.i32, 4, false, at, offset), by), offset);
  }

  /** Refuses a frame whose contents do not fit a type, so that one more use would need more than a count. */
  refuseUnlessFit(type: Value | number): void {
    const s = this.#s;
    s.refuseIf(ne(this.get("type"), type));
    const { validated, bound } = FRAME_RECORD_FLAG;
    s.refuseUnlessEqual(and(this.get("flags"), validated | bound), validated);
  }

  /** Refuses a frame that might be free once it has lost a reference. */
  refuseUnlessAllocated(): void {
    this.#s.refuseIf(isZero(and(this.get("flags"), FRAME_RECORD_FLAG.allocated)));
  }

  /** Refuses a frame that may not be written because of another use, besides some that are about to end. */
  refuseUnlessWritable(ending: Value | number = 0): void {
    this.#s.body.if(sub(this.get("uses"), ending));
    this.refuseUnlessFit(FRAME_RECORD_TYPE.writable);
    this.#s.body.end();
  }

  /** Makes a frame one whose contents fit a type: old translations go where it had another. Nothing uses it, or only as that. */
  become(type: Value | number): void {
    const { body, context } = this.#s;
    body.if(ne(this.get("type"), type));
    body.call(context.forgetFrame, this.frame);
    this.set("type", typeof type === "number" ? i32(type) : type);
    body.end();
    this.set("flags", or(this.get("flags"), FRAME_RECORD_FLAG.validated));
  }

  /** Refuses a frame that is not a table of a level, checked and in use. */
  refuseUnlessTable(level: Value | number): void {
    this.refuseUnlessFit(level);
    this.#s.refuseIf(isZero(this.get("uses")));
  }

  /** Refuses a frame whose stores somebody wants to see. */
  refuseWatched(): void {
    this.#s.refuseIf(load(TYPE.i32, 1, false, this.frame, this.#s.context.watchTable));
  }

  refuseUnlessOwn(): void {
    this.#s.refuseIf(ne(this.get("owner"), gate(this.#s, GATES.frameOwner)));
    this.#s.refuseIf(isZero(this.get("references")));
  }
}

/** Refuses an address beyond RAM. @returns the others as words */
export const inRam = (s: SystemEmitter, address: Value): Value => {
  s.refuseIf(compare("geU", address, i64(s.context.ramBytes)));
  return s.pin(wrap(address));
};

/** Machine address of the frame that an entry leads to. Refuses one beyond RAM. */
export const frameAddressIn = (s: SystemEmitter, entry: Value): Value =>
  inRam(s, s.pin(and(entry, PAGE_ADDRESS)));

/** Where records begin. Refuses where there are none. */
export const recordsOf = (s: SystemEmitter): Value => {
  const records = s.pin(gate(s, GATES.frameRecords));
  s.refuseIf(isZero(records));
  return records;
};

/** What is kept of the frame that holds a machine address. */
export const recordAt = (s: SystemEmitter, records: Value, at: Value): FrameRecord =>
  new FrameRecord(s, records, s.pin(shrU(at, 12)));

/** What is kept of the frame that an entry leads to, which lies in RAM. */
export const pageOf = (s: SystemEmitter, records: Value, entry: Value): FrameRecord =>
  recordAt(s, records, wrap(and(entry, PAGE_ADDRESS)));

/** The frame that a present entry leads to, one of the kernel's own. Refuses any other. */
export const ownFrame = (s: SystemEmitter, records: Value, entry: Value): FrameRecord => {
  const record = recordAt(s, records, frameAddressIn(s, entry));
  record.refuseUnlessOwn();
  return record;
};

/** Bits of an address that select an entry of each table above level 1, from the root on. */
const UPPER_SHIFTS = [39, 30, 21] as const;

/**
 * Where the entry of level 1 for an address of the kernel's is. Refuses where there are no tables to go through, or one of their
 * entries lacks some bits; and large pages.
 */
export const locateLevel1 = (s: SystemEmitter, address: Value, needed: number): Value => {
  const { body } = s;
  const table = s.pin(s.field(STATE.tableRoot));
  s.refuseIf(isZero(table));
  const placeIn = (shift: number): Value => add(table, shl(and(wrap(shrU(address, shift)), 0x1ff), 3));
  for (const shift of UPPER_SHIFTS) {
    const entry = s.pin(load(TYPE.i64, 8, false, placeIn(shift)));
    s.refuseUnlessEqual(and(wrap(entry), needed | PTE.large), needed);
    body.set(table, frameAddressIn(s, entry));
  }
  return s.pin(placeIn(PAGE_SHIFT));
};
