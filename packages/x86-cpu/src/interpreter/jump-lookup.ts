import { TLB_ENTRY } from "@xenolith/machine-interface";
import {
  add,
  and,
  type FunctionBody,
  i32,
  load,
  mul,
  ne,
  shrU,
  TYPE,
  type Value,
  wrap,
} from "@xenolith/wasm-emitter";
import { STATE } from "../state/layout.ts";
import { emitExecuteCheck, type InterpreterPlaces } from "./execute-check.ts";
import {
  JUMP_ENTRY,
  JUMP_ENTRY_BYTES,
  JUMP_HASH_FACTOR,
  JUMP_HASH_SHIFT,
  JUMP_OFFSET_MASK,
  JUMP_WAYS,
} from "./jump-cache.ts";

/** Offset in memory of the newest of the entries of the jump cache that an offset in CS may have. */
export const jumpEntryAt = (pointer: Value, jumpCache: number): Value =>
  add(and(shrU(mul(wrap(pointer), JUMP_HASH_FACTOR), JUMP_HASH_SHIFT), JUMP_OFFSET_MASK), jumpCache);

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
  const word = (base: Value, offset: number): Value => load(TYPE.i32, 4, false, base, offset);
  const found = body.block();
  body.set(entry, jumpEntryAt(pointer, places.jumpCache));
  for (let way = 1; way <= JUMP_WAYS; way++) {
    const other = body.block();
    const known = load(pointer.type, bytes, false, entry, JUMP_ENTRY.instructionPointer);
    body.branchIf(other, ne(known, pointer));
    body.branchIf(other, ne(word(entry, JUMP_ENTRY.mode), word(i32(places.state), STATE.mode)));
    body.branchIf(other, ne(executedFrame(page, places.tlb), word(entry, JUMP_ENTRY.frame)));
    body.branch(found);
    body.end();
    if (way < JUMP_WAYS) body.set(entry, add(entry, JUMP_ENTRY_BYTES));
  }
  missing();
  body.end();
  return entry;
};

/**
 * Finds the jump cache's entry of an offset in CS (a local), if it is known there in the present mode and the page is still
 * mapped to the same frame. `missing` must not come back.
 */
export const emitJumpLookup = (
  body: FunctionBody,
  pointer: Value,
  spaceTag: Value,
  places: Pick<InterpreterPlaces, "tlb" | "refill" | "jumpCache" | "state">,
  missing: () => void,
): Value => {
  const linear = body.local(pointer.type);
  const page = body.local(TYPE.i32);
  body.set(linear, codeAddress(pointer, i32(places.state)));
  emitExecuteCheck(body, spaceTag, places, linear, page, missing);
  return emitJumpProbe(body, pointer, page, places, missing);
};
