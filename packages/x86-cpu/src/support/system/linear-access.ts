import { ACCESS, REFILL, REFILL_MAILBOX, TLB_ENTRY, TLB_TAG } from "@xenolith/machine-interface";
import {
  add,
  and,
  compare,
  convert,
  eq,
  type FunctionBody,
  i32,
  load,
  or,
  shl,
  TYPE,
  toF64,
  type Value,
  wrap,
} from "@xenolith/wasm-emitter";
import { SEGMENT } from "@xenolith/x86-architecture";
import { tlbEntryOffset } from "../../machine/tlb-probe.ts";
import { SEGMENT_FIELD, STATE, TABLE_FIELD } from "../../state/layout.ts";
import type { SupportContext, SupportFunction } from "../support-function.ts";
import { NOWHERE, SystemEmitter } from "./system-emitter.ts";

const emitLocate = (body: FunctionBody, context: SupportContext, kind: number, isWide: boolean): void => {
  const { tlb, refill, state } = context;
  const address = body.parameter(0);
  const sizeBytes = body.parameter(1);
  const tag = body.parameter(2);
  const nowhereIf = (condition: Value): void => {
    body.if(condition);
    body.return(i32(NOWHERE));
    body.end();
  };
  const table = kind === ACCESS.write ? tlb.write : tlb.read;
  const entry = body.local(TYPE.i32);
  const outcome = body.local(TYPE.i32);
  nowhereIf(load(TYPE.i32, 4, false, i32(state), STATE.isObserved));
  nowhereIf(compare("gtU", add(wrap(and(address, 0xfff)), sizeBytes), 4096));
  body.set(entry, tlbEntryOffset(address, tag));
  const found = load(address.type, isWide ? 8 : 4, false, entry, table + TLB_ENTRY.tag);
  body.if(eq(found, or(and(address, -4096), convert(tag, address.type))));
  body.return(add(wrap(address), load(TYPE.i32, 4, false, entry, table + TLB_ENTRY.addend)));
  body.end();
  const access = or(shl(and(tag, TLB_TAG.user | TLB_TAG.narrow), 2), kind);
  body.call(refill, toF64(address, isWide), access);
  body.set(outcome);
  nowhereIf(eq(outcome, REFILL.fault));
  if (kind === ACCESS.write) nowhereIf(eq(outcome, REFILL.direct));
  body.push(load(TYPE.i32, 4, false, i32(tlb.mailbox), REFILL_MAILBOX.hostAddress));
};

const locate = (name: string, kind: number, isWide = false): SupportFunction => ({
  name,
  parameters: [isWide ? TYPE.i64 : TYPE.i32, TYPE.i32, TYPE.i32],
  results: [TYPE.i32],
  emit: (body, context) => emitLocate(body, context, kind, isWide),
});

/**
 * (linear address, bytes, space tag) -> offset in memory where they can be read, or -1: they lie on two pages or cannot be
 * read. For 32-bit code.
 */
export const LOCATE_READ: SupportFunction = locate("locateRead", ACCESS.read);

/** The same for writing; -1 too where the store would have to be announced. */
export const LOCATE_WRITE: SupportFunction = locate("locateWrite", ACCESS.write);

/** As {@link LOCATE_READ}, for 64-bit code. */
export const LOCATE_READ_WIDE: SupportFunction = locate("locateReadWide", ACCESS.read, true);

/** As {@link LOCATE_WRITE}, for 64-bit code. */
export const LOCATE_WRITE_WIDE: SupportFunction = locate("locateWriteWide", ACCESS.write, true);

/**
 * (selector) -> both words of its descriptor, read with supervisor rights out of the GDT or LDT. Zeros, which is a descriptor
 * that is not present, where there is none or it cannot be read.
 */
export const READ_DESCRIPTOR: SupportFunction = {
  name: "readDescriptor",
  parameters: [TYPE.i32],
  results: [TYPE.i32, TYPE.i32],
  emit(body, context) {
    const s = new SystemEmitter(body, context);
    const selector = body.parameter(0);
    const base = body.local(TYPE.i32);
    const limit = body.local(TYPE.i32);
    const absentIf = (condition: Value): void => {
      body.if(condition);
      body.return(i32(0), i32(0));
      body.end();
    };
    body.if(and(selector, 4));
    absentIf(eq(s.segment(SEGMENT.ldtr, SEGMENT_FIELD.attributes), 0));
    body.set(base, s.segment(SEGMENT.ldtr, SEGMENT_FIELD.base));
    body.set(limit, s.segment(SEGMENT.ldtr, SEGMENT_FIELD.limit));
    body.else();
    body.set(base, s.field(STATE.gdtr + TABLE_FIELD.base));
    body.set(limit, s.field(STATE.gdtr + TABLE_FIELD.limit));
    body.end();
    const offset = s.pin(and(selector, 0xfff8));
    absentIf(s.beyond(offset, 7, limit));
    const host = s.call(LOCATE_READ, add(base, offset), i32(8), s.supervisorTag);
    absentIf(s.isNowhere(host));
    body.push(s.read(host, 0), s.read(host, 4));
  },
};
