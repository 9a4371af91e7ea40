import {
  add,
  eq,
  type FunctionBody,
  i32,
  isZero,
  type Label,
  load,
  ltS,
  sub,
  TYPE,
  type Value,
} from "@xenolith/wasm-emitter";
import { PART } from "../meanings/part.ts";
import { STATE } from "../state/layout.ts";
import { counterOf, setCounter } from "./block-header.ts";
import { emitMeanings, emitMiss, emitPartCall, type MissFunctions } from "./emit-part.ts";
import type { InterpreterPlaces } from "./execute-check.ts";
import { type HandlerTable, SPECIAL } from "./handlers.ts";
import type { InterpreterLabels, InterpreterLocals } from "./interpreter-function.ts";
import { InterpreterMachine, type InterpreterShape } from "./interpreter-machine.ts";
import { emitJumpLookup } from "./jump-lookup.ts";
import { loadState, storeState } from "./kept-state.ts";
import { LEAVE, RECORD } from "./record.ts";
import { emitSpecialHandlers } from "./special-handlers.ts";

type MutableLabels = { -readonly [Name in keyof InterpreterLabels]: Label };

/** `once` after the first block was entered. */
const ONCE_ENTERED = 2;

/**
 * Emits the common part of an interpreter:
 *
 *     load the state
 *     exit: lookup: find the record for the instruction pointer, or leave
 *       enter: charge the block's instructions, or leave
 *         next: branch by the record's handler
 *           handlers
 *     store the state, return why
 *
 * @param misses - what is called when an access misses the TLB; null: handlers make every access themselves.
 */
export const emitInterpreter = (
  body: FunctionBody,
  shape: InterpreterShape,
  table: HandlerTable,
  places: InterpreterPlaces,
  misses: MissFunctions | null,
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
  const labels: MutableLabels = { exit: 0, leave: 0, lookup: 0, enter: 0, next: 0, target: 0, behind: 0 };
  const missing: { label: Label } = { label: 0 };
  const miss = {
    address: body.local(shape.wide ? TYPE.i64 : TYPE.i32),
    flags: body.local(TYPE.i32),
    label: () => missing.label,
  };
  const m = new InterpreterMachine(body, shape, locals, labels, {
    tlb: places.tlb,
    translateFunction: places.translate,
    commitFunction: places.commit,
    once,
    miss: misses === null ? null : miss,
    supportIndex: places.supportIndex,
  });
  loadState(m, locals);
  labels.exit = body.block();
  labels.leave = body.block();
  labels.lookup = body.loop();
  body.if(isZero(start));
  if (shape.careful) leaveWhen(m, once);
  emitLookup(m, locals, places);
  body.else();
  body.set(locals.record, start);
  body.set(start, i32(0));
  if (shape.counts) emitGrace(m, locals, once);
  body.end();
  labels.target = body.block();
  labels.behind = body.block();
  labels.enter = body.loop();
  if (shape.careful) emitOnce(m, once);
  if (shape.counts) emitCount(m, locals);
  emitCharge(m, locals);
  labels.next = body.loop();
  missing.label = body.block();
  emitHandlers(m, locals, table, places, labels);
  body.end();
  if (misses === null) body.unreachable();
  else emitMiss(m, locals, miss, misses, labels);
  for (const _ of ["next", "enter", "behind"]) body.end();
  m.goto(m.nextInstruction());
  body.end();
  m.goto(m.directTarget());
  for (const _ of ["lookup", "leave"]) body.end();
  body.set(locals.instructionPointer, m.thisInstruction());
  body.end();
  storeState(m, locals);
  body.push(locals.leaveCode);
};

/** The block that the interpreter must begin with is executed whatever its counter says. */
const emitGrace = (m: InterpreterMachine, { record }: InterpreterLocals, counted: Value): void => {
  m.body.if(isZero(counted));
  setCounter(m.body, record, add(counterOf(record), 1));
  m.body.end();
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

const emitLookup = (m: InterpreterMachine, locals: InterpreterLocals, places: InterpreterPlaces): void => {
  const { instructionPointer, spaceTag } = locals;
  const record = emitJumpLookup(m.body, instructionPointer, spaceTag, places, () => m.leaveAt(LEAVE.resolve));
  m.body.set(locals.record, record);
};

/** Counts a block down. At zero it is translated, or hot: on to the dispatcher, unless there must be no translation now. */
const emitCount = (m: InterpreterMachine, { record, state }: InterpreterLocals): void => {
  const { body } = m;
  const count = m.temporary(TYPE.i32);
  body.set(count, sub(counterOf(record), 1));
  body.if(ltS(count, 0));
  body.if(isZero(load(TYPE.i32, 4, false, state, STATE.untranslated)));
  m.leave(LEAVE.next);
  body.end();
  body.else();
  setCounter(body, record, count);
  body.end();
};

const emitHandlers = (
  m: InterpreterMachine,
  locals: InterpreterLocals,
  table: HandlerTable,
  places: InterpreterPlaces,
  labels: InterpreterLabels,
): void => {
  const { body } = m;
  const foreign = body.block();
  const blocks: Label[] = [];
  const handlers = table.parts[PART.common] ?? [];
  for (let number = handlers.length + SPECIAL.length; number > 0; number--) blocks.push(body.block());
  body.branchTable(m.field16(RECORD.handler), blocks.toReversed(), foreign);
  emitMeanings(m, handlers);
  emitSpecialHandlers(m, locals, places);
  body.unreachable();
  body.end();
  emitPartCall(m, locals, table, places, labels);
};
