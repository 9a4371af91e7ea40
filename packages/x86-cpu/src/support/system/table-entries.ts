import { PAGE_SHIFT, PAGE_SIZE } from "@xenolith/machine-interface";
import {
  add,
  and,
  i32,
  i64,
  isZero,
  load,
  ltU,
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
import { FRAME_RECORD_TYPE, KERNEL_PAGE_HIGH, PTE } from "@xenolith/x86-architecture";
import type { FrameRecord } from "./frame-record.ts";
import type { SystemEmitter } from "./system-emitter.ts";

/** Bytes of an entry of a table. */
export const ENTRY_BYTES = 8;
/** Entries of a table. */
export const TABLE_ENTRIES: number = PAGE_SIZE / ENTRY_BYTES;
const KERNEL_PAGE = i64(KERNEL_PAGE_HIGH * 2 ** 32);

/** Goes through the present entries of a table. */
export const forEachPresent = (
  s: SystemEmitter,
  frame: Value,
  act: (at: Value, entry: Value) => void,
): void => {
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

/** 1 for an entry that allows writing, else 0. */
export const writeRight = (entry: Value): Value => and(shrU(wrap(entry), Math.log2(PTE.writable)), 1);

/** A present entry of level 1 with the marks of whose page it is: the kernel's or its processes'. */
export const markedEntry = (value: Value): Value => {
  const isKernels = or(isZero(and(wrap(value), PTE.user)), ne(and(value, KERNEL_PAGE), i64(0)));
  const marked = select(or(value, KERNEL_PAGE), or(value, i64(PTE.global)), isKernels);
  return or(marked, i64(PTE.user));
};

/** A page gains what an entry of level 1 is to it. */
export const emitGain = (s: SystemEmitter, page: FrameRecord, entry: Value): void => {
  page.add("references", 1);
  s.body.if(writeRight(entry));
  page.become(FRAME_RECORD_TYPE.writable);
  page.add("uses", 1);
  s.body.end();
};

/** A page loses that again: nothing that {@link refuseLoss} refuses. */
export const emitLoss = (page: FrameRecord, entry: Value): void => {
  page.add("references", -1);
  page.add("uses", sub(i32(0), writeRight(entry)));
};

/** Refuses a page that would lose more than counts with an entry of level 1. */
export const refuseLoss = (s: SystemEmitter, page: FrameRecord, entry: Value): void => {
  page.refuseUnlessAllocated();
  s.body.if(writeRight(entry));
  page.refuseUnlessFit(FRAME_RECORD_TYPE.writable);
  s.refuseIf(isZero(page.get("uses")));
  s.body.end();
};
