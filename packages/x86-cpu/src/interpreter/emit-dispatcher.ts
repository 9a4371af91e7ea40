import { eq, type FunctionBody, i32, isZero, load, ne, TYPE, type Value } from "@xenolith/wasm-emitter";
import { STATE } from "../state/layout.ts";
import type { InterpreterPlaces } from "./execute-check.ts";
import { JUMP_ENTRY } from "./jump-cache.ts";
import { emitJumpLookup } from "./jump-lookup.ts";
import { LEAVE } from "./record.ts";

/** What the dispatcher calls. */
export interface DispatcherCalls {
  /** Index of the interpreter function, and of the type of translations. */
  readonly interpret: number;
  readonly translationType: number;
}

/**
 * Emits `dispatch(unused, record, unused) -> LEAVE`: runs translations where there are any and the interpreter elsewhere, until
 * something needs TypeScript. A record that is given is interpreted first. What a translation cannot do, the interpreter does:
 * at least one block, or, when the budget is short, all that is left of it.
 */
export const emitDispatcher = (
  body: FunctionBody,
  isWide: boolean,
  places: InterpreterPlaces,
  calls: DispatcherCalls,
): void => {
  const record = body.parameter(1);
  const state = i32(places.state);
  const code = body.local(TYPE.i32);
  const slot = body.local(TYPE.i32);
  /** Why a record is looked for: `resolve`, `help`, or `hot` when the interpreter came to a block that has counted down. */
  const purpose = body.local(TYPE.i32);
  const spaceTag = body.local(TYPE.i32);
  const pointer = body.local(isWide ? TYPE.i64 : TYPE.i32);
  const word = (offset: number): Value => load(TYPE.i32, 4, false, state, offset);
  body.set(purpose, i32(LEAVE.resolve));
  const again = body.loop();
  body.set(spaceTag, word(STATE.spaceTag));
  body.if(isZero(record));
  body.set(pointer, load(pointer.type, isWide ? 8 : 4, false, state, STATE.instructionPointer));
  const entry = emitJumpLookup(body, pointer, spaceTag, places, () => body.return(purpose));
  body.set(slot, load(TYPE.i32, 4, false, entry, JUMP_ENTRY.slot));
  body.set(record, load(TYPE.i32, 4, false, entry, JUMP_ENTRY.record));
  body.if(isZero(word(STATE.untranslated)));
  body.if(ne(purpose, LEAVE.help));
  body.if(slot);
  body.store(4, state, i32(0), STATE.exitRecord);
  body.callIndirect(calls.translationType, slot, load(TYPE.i32, 4, false, entry, JUMP_ENTRY.entry), spaceTag);
  body.set(code);
  body.set(record, i32(0));
  body.set(purpose, i32(LEAVE.resolve));
  body.branchIf(again, eq(code, LEAVE.next));
  body.if(eq(code, LEAVE.attend));
  body.return(code);
  body.end();
  body.if(eq(code, LEAVE.short));
  body.store(4, state, i32(1), STATE.untranslated);
  body.else();
  body.set(purpose, i32(LEAVE.help));
  body.end();
  body.branch(again);
  body.end();
  body.if(eq(purpose, LEAVE.hot));
  body.return(purpose);
  body.end();
  body.end();
  body.end();
  body.end();
  body.call(calls.interpret, spaceTag, record, i32(0));
  body.set(code);
  body.set(record, i32(0));
  body.if(ne(code, LEAVE.next));
  body.return(code);
  body.end();
  body.set(purpose, i32(LEAVE.hot));
  body.branch(again);
  body.end();
  body.unreachable();
};
