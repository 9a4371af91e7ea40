import { TLB_ENTRY } from "@xenolith/machine-interface";
import {
  add,
  and,
  eq,
  type FunctionBody,
  i32,
  isZero,
  type Label,
  load,
  ltS,
  ne,
  shl,
  shrU,
  sub,
  TYPE,
  type Value,
  wrap,
  xor,
} from "@xenolith/wasm-emitter";
import { STATE } from "../state/layout.ts";
import { emitExecuteCheck, type InterpreterPlaces } from "./execute-check.ts";
import type { HandlerTable } from "./handlers.ts";
import {
  type InterpreterLabels,
  type InterpreterLocals,
  InterpreterMachine,
  type InterpreterShape,
} from "./interpreter-machine.ts";
import { JUMP_ENTRIES, JUMP_ENTRY, JUMP_ENTRY_SHIFT } from "./jump-cache.ts";
import { loadState, storeState } from "./kept-state.ts";
import { LEAVE, RECORD } from "./record.ts";
import { emitSpecialHandlers } from "./special-handlers.ts";

type MutableLabels = { -readonly [Name in keyof InterpreterLabels]: Label };

/** `once` after the first block was entered. */
const ONCE_ENTERED = 2;

/**
 * Emits the interpreter function:
 *
 *     load the state
 *     exit: lookup: find the record for the instruction pointer, or leave
 *       enter: charge the block's instructions, or leave
 *         next: branch by the record's handler
 *           handlers
 *     store the state, return why
 */
export const emitInterpreter = (
  body: FunctionBody,
  shape: InterpreterShape,
  table: HandlerTable,
  places: InterpreterPlaces,
): void => {
  const start = body.parameter(1);
  const once = body.parameter(2);
  const locals: InterpreterLocals = {
    state: i32(places.state),
    spaceTag: body.parameter(0),
    record: body.local(TYPE.i32),
    budget: body.local(TYPE.i32),
    instructionPointer: body.local(shape.wide ? TYPE.i64 : TYPE.i32),
    leaveCode: body.local(TYPE.i32),
  };
  const labels: MutableLabels = { exit: 0, lookup: 0, enter: 0, next: 0 };
  const m = new InterpreterMachine(body, shape, locals, labels, {
    tlb: places.tlb,
    translateFunction: places.translate,
    commitFunction: places.commit,
    once,
    supportIndex: places.supportIndex,
  });
  loadState(m, locals);
  labels.exit = body.block();
  labels.lookup = body.loop();
  body.if(isZero(start));
  if (shape.careful) leaveWhen(m, once);
  emitLookup(m, locals, places);
  body.else();
  body.set(locals.record, start);
  body.set(start, i32(0));
  body.end();
  labels.enter = body.loop();
  if (shape.careful) emitOnce(m, once);
  emitCharge(m, locals);
  labels.next = body.loop();
  emitHandlers(m, locals, table, places);
  for (const _ of ["next", "enter", "lookup", "exit"]) body.end();
  storeState(m, locals);
  body.push(locals.leaveCode);
};

const leaveWhen = (m: InterpreterMachine, condition: Value): void => {
  m.body.if(condition);
  m.leaveAt(LEAVE.proceed);
  m.body.end();
};

/** The second block is not entered. */
const emitOnce = (m: InterpreterMachine, once: Value): void => {
  const { body } = m;
  body.if(once);
  body.if(eq(once, ONCE_ENTERED));
  m.leave(LEAVE.proceed);
  body.end();
  body.set(once, i32(ONCE_ENTERED));
  body.end();
};

const emitCharge = (m: InterpreterMachine, { budget }: InterpreterLocals): void => {
  const { body } = m;
  body.set(budget, sub(budget, m.field16(RECORD.remaining)));
  body.if(ltS(budget, 0));
  m.refund();
  m.leave(LEAVE.budget);
  body.end();
};

/** Offset in memory of the jump cache's entry. */
const jumpEntry = (pointer: Value, jumpCache: number): Value => {
  const low = wrap(pointer);
  return add(shl(and(xor(low, shrU(low, 12)), JUMP_ENTRIES - 1), JUMP_ENTRY_SHIFT), jumpCache);
};

/** Sets the record from the jump cache where it knows the instruction pointer and the page is still mapped so. */
const emitLookup = (m: InterpreterMachine, locals: InterpreterLocals, places: InterpreterPlaces): void => {
  const { body, addressType } = m;
  const bytes = addressType === TYPE.i64 ? 8 : 4;
  const entry = body.local(TYPE.i32);
  const linear = body.local(addressType);
  const page = body.local(TYPE.i32);
  const word = (base: Value, offset: number): Value => load(TYPE.i32, 4, false, base, offset);
  const found = body.block();
  const missing = body.block();
  body.set(entry, jumpEntry(locals.instructionPointer, places.jumpCache));
  const known = load(addressType, bytes, false, entry, JUMP_ENTRY.instructionPointer);
  body.branchIf(missing, ne(known, locals.instructionPointer));
  body.branchIf(missing, ne(word(entry, JUMP_ENTRY.mode), word(locals.state, STATE.mode)));
  const codeBase = load(addressType, bytes, false, locals.state, STATE.codeBase);
  body.set(linear, m.shape.wide ? locals.instructionPointer : add(locals.instructionPointer, codeBase));
  emitExecuteCheck(m, locals, places, linear, page, () => body.branch(missing));
  body.branchIf(missing, ne(word(page, places.tlb.execute + TLB_ENTRY.frame), word(entry, JUMP_ENTRY.frame)));
  body.set(locals.record, word(entry, JUMP_ENTRY.record));
  body.branch(found);
  body.end();
  m.leaveAt(LEAVE.resolve);
  body.end();
};

const emitHandlers = (
  m: InterpreterMachine,
  locals: InterpreterLocals,
  table: HandlerTable,
  places: InterpreterPlaces,
): void => {
  const { body } = m;
  const blocks: Label[] = [];
  for (let number = 0; number < table.count; number++) blocks.push(body.block());
  const innermostFirst = blocks.toReversed();
  body.branchTable(m.field16(RECORD.handler), innermostFirst, innermostFirst.at(-1) ?? 0);
  for (const { form, definition } of table.handlers) {
    body.end();
    m.begin(form.sizeBytes, form.operands);
    definition.meaning(m);
    m.finish();
  }
  emitSpecialHandlers(m, locals, places);
  body.unreachable();
};
