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

/** Locals that a lookup sets: the first record, and what the entry cache says from now on. */
export interface LookupResult {
  readonly record: Value;
  readonly target: Value;
}

/**
 * Finds the records of an offset in CS (a local), if they are known there in the present mode and the frame that its page is mapped to
 * (`page`: its execute entry): in the entry cache, or the jump cache. `missing` must not come back.
 *
 * @param translated - is emitted where the entry cache leads to a translation, whose records are yet to be found.
 */
export const emitRecordLookup = (
  body: FunctionBody,
  pointer: Value,
  page: Value,
  places: Pick<InterpreterPlaces, "tlb" | "jumpCache" | "entryCache" | "state">,
  { record, target }: LookupResult,
  missing: () => void,
  translated: () => void = () => {},
): void => {
  const cached = body.local(TYPE.i32);
  const frame = executedFrame(page, places.tlb);
  const mode = load(TYPE.i32, 4, false, i32(places.state), STATE.mode);
  const found = body.block();
  body.set(cached, cachedEntryAt(pointer, places.entryCache));
  body.if(isCached(cached, pointer, frame, mode));
  body.set(target, cachedTarget(cached));
  body.set(record, recordOfTarget(target));
  body.branchIf(found, isRecord(target));
  translated();
  body.end();
  body.set(record, recordOf(emitJumpProbe(body, pointer, page, places, missing)));
  body.set(target, targetAt(body, record));
  storeCached(body, cached, pointer, { frame, mode }, target);
  body.end();
};

/** Finds the records of an offset in CS (a local) that may be executed. `missing` must not come back. */
export const emitJumpLookup = (
  body: FunctionBody,
  pointer: Value,
  spaceTag: Value,
  places: Pick<InterpreterPlaces, "tlb" | "refill" | "jumpCache" | "entryCache" | "state">,
  missing: () => void,
): Value => {
  const linear = body.local(pointer.type);
  const page = body.local(TYPE.i32);
  const result = { record: body.local(TYPE.i32), target: body.local(TYPE.i32) };
  body.set(linear, codeAddress(pointer, i32(places.state)));
  emitExecuteCheck(body, spaceTag, places, linear, page, missing);
  emitRecordLookup(body, pointer, page, places, result, missing);
  return result.record;
};
