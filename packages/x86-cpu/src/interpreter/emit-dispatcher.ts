import { REFILL, REFILL_MAILBOX, REFILL_REASON } from "@xenolith/machine-interface";
import { and, eq, type FunctionBody, i32, isZero, load, ne, TYPE, type Value } from "@xenolith/wasm-emitter";
import { STATE } from "../state/layout.ts";
import { DELIVER_PAGE_FAULT } from "../support/system/page-fault.ts";
import { translationOf } from "./block-header.ts";
import { entryOf, isRecord, slotOf } from "./entry-cache.ts";
import { emitExecuteCheck, type InterpreterPlaces } from "./execute-check.ts";
import { recordOf } from "./jump-cache.ts";
import { codeAddress, emitJumpProbe, emitRecordLookup } from "./jump-lookup.ts";
import { LEAVE } from "./record.ts";
import { emitTakePageFault } from "./translate-function.ts";

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
  /** Whether the next block to be interpreted counts down like any other. */
  const counted = body.local(TYPE.i32);
  const spaceTag = body.local(TYPE.i32);
  const pointer = body.local(isWide ? TYPE.i64 : TYPE.i32);
  const word = (offset: number): Value => load(TYPE.i32, 4, false, state, offset);
  const linear = body.local(pointer.type);
  const page = body.local(TYPE.i32);
  const target = body.local(TYPE.i32);
  const refused = body.local(TYPE.i32);
  /** Finds the execute entry of the page that the instruction pointer is in, or leaves to have it found. */
  const findPage = (purpose: number): void => {
    body.set(spaceTag, word(STATE.spaceTag));
    body.set(pointer, load(pointer.type, isWide ? 8 : 4, false, state, STATE.instructionPointer));
    body.set(linear, codeAddress(pointer, state));
    emitExecuteCheck(body, spaceTag, places, linear, page, (outcome) => {
      // In 32-bit code the offset may lie beyond the limit of CS, which is asked first.
      if (isWide && purpose === LEAVE.resolve) deliverFetchFault(outcome);
      body.return(i32(purpose));
    });
  };
  /** Delivers the page fault of an instruction that cannot be fetched, in the usual case, and goes on at its handler. */
  const deliverFetchFault = (outcome: Value): void => {
    const reason = load(TYPE.i32, 4, false, i32(places.tlb.mailbox), REFILL_MAILBOX.reason);
    body.if(and(eq(outcome, REFILL.fault), eq(reason, REFILL_REASON.pageFault)));
    emitTakePageFault(body, places.tlb.mailbox, places.state);
    body.set(record, i32(0));
    body.set(code, i32(LEAVE.next));
    body.call(places.supportIndex(DELIVER_PAGE_FAULT));
    body.set(refused);
    body.branchIf(again, isZero(refused));
    body.end();
  };
  /** Leaves to have the instruction pointer found. */
  const leave = (purpose: number) => (): void => body.return(i32(purpose));
  const again = body.loop();
  const interpret = body.block();
  body.branchIf(interpret, record);
  const help = body.block();
  const translated = body.loop();
  const call = body.block();
  body.branchIf(call, target);
  findPage(LEAVE.resolve);
  const mayTranslate = isZero(word(STATE.untranslated));
  emitRecordLookup(body, pointer, page, places, { record, target }, leave(LEAVE.resolve), () =>
    body.branchIf(call, mayTranslate),
  );
  body.branchIf(call, and(isZero(isRecord(target)), mayTranslate));
  body.if(eq(code, LEAVE.hot));
  body.return(code);
  body.end();
  body.set(target, i32(0));
  body.set(counted, i32(1));
  body.branch(interpret);
  body.end();
  body.store(4, state, i32(0), STATE.exitRecord);
  body.callIndirect(calls.translationType, slotOf(target), entryOf(target), spaceTag);
  body.set(code);
  body.set(target, i32(0));
  body.branchIf(translated, eq(code, LEAVE.next));
  body.branchIf(help, eq(code, LEAVE.help));
  body.if(eq(code, LEAVE.attend));
  body.return(code);
  body.end();
  body.store(4, state, i32(1), STATE.untranslated);
  body.branch(translated);
  body.end();
  body.end();
  findPage(LEAVE.help);
  body.set(record, recordOf(emitJumpProbe(body, pointer, page, places, leave(LEAVE.help))));
  body.end();
  body.set(spaceTag, word(STATE.spaceTag));
  body.call(calls.interpret, spaceTag, record, counted);
  body.set(code);
  body.set(counted, i32(0));
  body.set(record, i32(0));
  // The usual page fault is delivered here: TypeScript's loop would do no more.
  body.if(eq(code, LEAVE.fault));
  body.call(places.supportIndex(DELIVER_PAGE_FAULT));
  body.if();
  body.return(code);
  body.end();
  body.branch(again);
  body.end();
  // What cannot be fetched is looked at here once more, as it may be a page fault in its usual case.
  if (isWide) body.branchIf(again, eq(code, LEAVE.resolve));
  body.if(ne(code, LEAVE.next));
  body.return(code);
  body.end();
  // Only a block that has counted down makes the interpreter leave so: it is where that is, and if it is not translated, it is hot.
  body.set(target, translationOf(word(STATE.exitRecord)));
  body.set(spaceTag, word(STATE.spaceTag));
  body.set(code, i32(LEAVE.hot));
  body.branch(again);
  body.end();
  body.unreachable();
};
