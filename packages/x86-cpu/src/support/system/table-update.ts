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
  select,
  shl,
  shrU,
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
import { charge, gate, refuseReserved, register } from "./side-entry.ts";
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
class FrameRecord {
  readonly #s: SystemEmitter;
  readonly #records: Value;
  readonly #frame: Value;

  constructor(s: SystemEmitter, records: Value, frame: Value) {
    this.#s = s;
    this.#records = records;
    this.#frame = frame;
  }

  /** A field, and where it is. */
  #place(field: keyof typeof SHIFT): readonly [at: Value, offset: number] {
    const frameCount = this.#s.context.ramBytes / 4096;
    return [add(this.#records, shl(this.#frame, SHIFT[field])), FRAME_RECORDS[field] * frameCount];
  }

  get(field: keyof typeof SHIFT): Value {
    const [at, offset] = this.#place(field);
    return load(TYPE.i32, 2 ** SHIFT[field], false, at, offset);
  }

  increment(field: "references" | "uses"): void {
    const [place, offset] = this.#place(field);
    const at = this.#s.pin(place);
    this.#s.body.store(4, at, add(load(TYPE.i32, 4, false, at, offset), 1), offset);
  }

  /** Refuses a frame that is not another use away from what it already is. */
  refuseUnlessUsedAs(type: number, alsoClear = 0): void {
    const s = this.#s;
    s.refuseUnlessEqual(this.get("type"), type);
    s.refuseIf(isZero(this.get("uses")));
    const { validated } = FRAME_RECORD_FLAG;
    s.refuseUnlessEqual(and(this.get("flags"), validated | alsoClear), validated);
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

/** The kernel's call that maps one page in one of its tables; see `TransitionGates.updateCall`. */
export const emitTableUpdate = (s: SystemEmitter): void => {
  const { body, context } = s;
  const records = s.pin(gate(s, GATES.frameRecords));
  s.refuseIf(isZero(records));
  s.refuseUnlessEqual(s.field(register(REGISTER.rsi)), 1);
  s.refuseIf(ne(s.wideField(register(REGISTER.rdx)), i64(0)));
  s.refuseIf(ne(s.field(register(REGISTER.r10)), gate(s, GATES.updateSubject)));
  const pointer = s.pin(s.wideField(register(REGISTER.rdi)));
  refuseReserved(s, pointer);
  const request = s.call(LOCATE_READ_WIDE, pointer, i32(REQUEST_BYTES), s.pin(s.field(STATE.spaceTag)));
  s.refuseIf(s.isNowhere(request));
  const place = s.pin(load(TYPE.i64, 8, false, request));
  s.refuseIf(ne(and(place, COMMAND), i64(0)));
  const at = inRam(s, place);
  const table = s.pin(shrU(at, 12));
  const tableRecord = new FrameRecord(s, records, table);
  tableRecord.refuseUnlessOwn();
  tableRecord.refuseUnlessUsedAs(FRAME_RECORD_TYPE.level1);
  s.refuseIf(load(TYPE.i32, 1, false, table, context.watchTable));
  s.refuseIf(and(load(TYPE.i32, 4, false, at), PTE.present));

  const value = s.pin(load(TYPE.i64, 8, false, request, 8));
  const low = s.pin(wrap(value));
  s.refuseUnlessEqual(and(low, PTE.present | PTE_CACHING_AND_SIZE), PTE.present);
  const page = new FrameRecord(s, records, s.pin(shrU(inRam(s, s.pin(and(value, PAGE_ADDRESS))), 12)));
  page.refuseUnlessOwn();
  const isWritable = s.pin(and(low, PTE.writable));
  body.if(isWritable);
  page.refuseUnlessUsedAs(FRAME_RECORD_TYPE.writable, FRAME_RECORD_FLAG.bound);
  body.end();

  // Nothing can go wrong any more.
  page.increment("references");
  body.if(isWritable);
  page.increment("uses");
  body.end();
  const isKernels = or(isZero(and(low, PTE.user)), ne(and(value, KERNEL_PAGE), i64(0)));
  const marked = select(or(value, KERNEL_PAGE), or(value, i64(PTE.global)), isKernels);
  body.store(8, at, or(marked, i64(PTE.user)));
  charge(s, s.pin(s.field(STATE.budget)), GATES.updateCost);
};
