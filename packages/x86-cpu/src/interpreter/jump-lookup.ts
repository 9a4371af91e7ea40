import { TLB_ENTRY } from "@xenolith/machine-interface";
import { add, eq, type FunctionBody, i32, load, ne, TYPE, type Value } from "@xenolith/wasm-emitter";
import { STATE } from "../state/layout.ts";
import { targetAt } from "./block-header.ts";
import {
  cachedEntryAt,
  cachedTarget,
  isCached,
  isRecord,
  recordOfTarget,
  storeCached,
} from "./entry-cache.ts";
import { emitExecuteCheck, type InterpreterPlaces } from "./execute-check.ts";
import { codeOf, JUMP_ENTRY, JUMP_ENTRY_BYTES, JUMP_WAYS, jumpSetAt, recordOf } from "./jump-cache.ts";

/** Linear address of an offset in CS (a local). */
export const codeAddress = (pointer: Value, state: Value): Value =>
  pointer.type === TYPE.i64 ? pointer : add(pointer, load(TYPE.i32, 4, false, state, STATE.codeBase));

/** The frame that the execute TLB's entry at an offset maps to. */
export const executedFrame = (page: Value, { execute }: InterpreterPlaces["tlb"]): Value =>
  load(TYPE.i32, 4, false, page, execute + TLB_ENTRY.frame);

/**
 * Looks among the jump cache's entries for that of an offset in CS (a local) in the present mode and the frame that its page is mapped to
 * (`page`: its execute entry). `missing` must not come back.
 */
export const emitJumpProbe = (
  body: FunctionBody,
  pointer: Value,
  page: Value,
  places: Pick<InterpreterPlaces, "tlb" | "jumpCache" | "state">,
  missing: () => void,
): Value => {
  const bytes = pointer.type === TYPE.i64 ? 8 : 4;
  const entry = body.local(TYPE.i32);
  const code = body.local(TYPE.i32);
  const found = body.block();
  body.set(entry, jumpSetAt(pointer, places.jumpCache));
  body.set(
    code,
    codeOf(executedFrame(page, places.tlb), load(TYPE.i32, 4, false, i32(places.state), STATE.mode)),
  );
  for (let way = 1; way <= JUMP_WAYS; way++) {
    const other = body.block();
    const known = load(pointer.type, bytes, false, entry, JUMP_ENTRY.instructionPointer);
    body.branchIf(other, ne(known, pointer));
    body.branchIf(found, eq(load(TYPE.i32, 4, false, entry, JUMP_ENTRY.code), code));
    body.end();
    if (way < JUMP_WAYS) body.set(entry, add(entry, JUMP_ENTRY_BYTES));
  }
  missing();
  body.end();
  return entry;
};

/**
 * Finds the records of an offset in CS (a local), if they are known there in the present mode and the page is still mapped to
 * the same frame: in the entry cache, or the jump cache. `missing` must not come back.
 */
export const emitJumpLookup = (
  body: FunctionBody,
  pointer: Value,
  spaceTag: Value,
  places: Pick<InterpreterPlaces, "tlb" | "refill" | "jumpCache" | "entryCache" | "state">,
  missing: () => void,
): Value => {
  const linear = body.local(pointer.type);
  const page = body.local(TYPE.i32);
  const cached = body.local(TYPE.i32);
  const record = body.local(TYPE.i32);
  const frame = executedFrame(page, places.tlb);
  const mode = load(TYPE.i32, 4, false, i32(places.state), STATE.mode);
  body.set(linear, codeAddress(pointer, i32(places.state)));
  emitExecuteCheck(body, spaceTag, places, linear, page, missing);
  const found = body.block();
  body.set(cached, cachedEntryAt(pointer, places.entryCache));
  body.if(isCached(cached, pointer, frame, mode));
  body.set(record, recordOfTarget(cachedTarget(cached)));
  body.branchIf(found, isRecord(cachedTarget(cached)));
  body.end();
  body.set(record, recordOf(emitJumpProbe(body, pointer, page, places, missing)));
  storeCached(body, cached, pointer, { frame, mode }, targetAt(body, record));
  body.end();
  return record;
};
