import {
  add,
  and,
  compare,
  eq,
  type FunctionBody,
  i32,
  isZero,
  type Label,
  load,
  sub,
  TYPE,
  type Value,
  type ValueType,
} from "@xenolith/wasm-emitter";
import { PART, PART_COUNT, type Part } from "../meanings/part.ts";
import { STATE } from "../state/layout.ts";
import type { InterpreterPlaces } from "./execute-check.ts";
import type { Handler, HandlerTable } from "./handlers.ts";
import type { InterpreterLabels, InterpreterLocals } from "./interpreter-function.ts";
import { type AccessMiss, InterpreterMachine, type InterpreterShape } from "./interpreter-machine.ts";
import { loadState, storeState } from "./kept-state.ts";
import { LEAVE, RECORD } from "./record.ts";
import { UNCACHED } from "./translate-function.ts";

/** Types of the parameters of the parts of an interpreter but the common one: record, space tag. */
export const PART_PARAMETERS: readonly ValueType[] = [TYPE.i32, TYPE.i32];
/** Types of its results. */
export const PART_RESULTS: readonly ValueType[] = [TYPE.i32];

/** What a part answers when it does not leave: values that `LEAVE` does not have. */
const GO_ON = { next: 0x100, enter: 0x101, lookup: 0x102 } as const;

/** Indices of the functions that the common part of a fast interpreter calls when an access misses the TLB. */
export interface MissFunctions {
  /** As `emitMissFunction` says. */
  readonly miss: number;
  /** As {@link emitUncachedPart} says. */
  readonly uncached: number;
}

/** Where an interpreter finds a part of its in the table of translations: below `FIRST_TRANSLATION`. */
export const partSlot = ({ wide, careful }: InterpreterShape, part: Part): number =>
  part + ((wide ? 2 : 0) + (careful ? 1 : 0)) * (PART_COUNT - 1);

/** Emits handlers, each behind the end of a block that a branch by its number leaves. */
export const emitMeanings = (m: InterpreterMachine, handlers: readonly Handler[]): void => {
  for (const { form, definition } of handlers) {
    m.body.end();
    m.begin(form.sizeBytes, form.operands);
    definition.meaning(m);
    m.finish();
  }
};

/** What a part does: some of the handlers with consecutive numbers; the others are not its own. */
interface PartHandlers {
  readonly first: number;
  readonly handlers: readonly (Handler | null)[];
}

/** What is emitted of a part in the loop that its handlers go on in. */
type PartBody = (m: InterpreterMachine, foreign: Label) => void;

/**
 * Emits a part of an interpreter, (record, space tag) -> why: it does the instructions of the records from the given one on as
 * long as their handlers are its own. Flags, budget, instruction pointer and the record to go on with are handed over in the
 * state block both ways, the space tag is there when it comes back. The answer is where the common part goes on, or a value of
 * `LEAVE`.
 */
const emitLoop = (
  body: FunctionBody,
  shape: InterpreterShape,
  places: InterpreterPlaces,
  emitBody: PartBody,
): void => {
  const locals: InterpreterLocals = {
    state: i32(places.state),
    spaceTag: body.parameter(1),
    record: body.parameter(0),
    budget: body.local(TYPE.i32),
    instructionPointer: body.local(shape.wide ? TYPE.i64 : TYPE.i32),
    leaveCode: body.local(TYPE.i32),
  };
  const exit = body.block();
  const leave = body.block();
  const target = body.block();
  const behind = body.block();
  const lookup = body.block();
  const enter = body.block();
  const foreign = body.block();
  const labels = { exit, leave, target, behind, lookup, enter, next: 0 };
  const m = new InterpreterMachine(body, shape, locals, labels, {
    tlb: places.tlb,
    translateFunction: places.translate,
    commitFunction: places.commit,
    once: i32(0),
    miss: null,
    supportIndex: places.supportIndex,
  });
  loadState(m, locals);
  labels.next = body.loop();
  emitBody(m, foreign);
  body.end();
  for (const answer of [GO_ON.next, GO_ON.enter, GO_ON.lookup]) {
    body.end();
    m.leaveAt(answer);
  }
  body.end();
  body.set(locals.instructionPointer, m.nextInstruction());
  m.leaveAt(GO_ON.lookup);
  body.end();
  body.set(locals.instructionPointer, m.directTarget());
  m.leaveAt(GO_ON.lookup);
  body.end();
  body.set(locals.instructionPointer, m.thisInstruction());
  body.end();
  storeState(m, locals);
  body.push(locals.leaveCode);
};

const emitHandlers = (
  body: FunctionBody,
  shape: InterpreterShape,
  places: InterpreterPlaces,
  { first, handlers }: PartHandlers,
): void =>
  emitLoop(body, shape, places, (m, foreign) => {
    const own = handlers.filter((handler) => handler !== null);
    const blocks = own.map(() => body.block()).toReversed();
    let position = 0;
    const targets = handlers.map((handler) => (handler === null ? foreign : (blocks[position++] ?? foreign)));
    body.branchTable(sub(m.field16(RECORD.handler), first), targets, foreign);
    emitMeanings(m, own);
  });

/** Emits what stands where parts have not been generated: the record needs one of them. */
export const emitMissingPart = (
  body: FunctionBody,
  shape: InterpreterShape,
  places: InterpreterPlaces,
): void =>
  emitLoop(body, shape, places, (m) => {
    m.refund();
    m.leave(LEAVE.careful);
  });

/** Emits a part that is not the common one. */
export const emitPart = (
  body: FunctionBody,
  shape: InterpreterShape,
  table: HandlerTable,
  places: InterpreterPlaces,
  part: Part,
): void =>
  emitHandlers(body, shape, places, { first: table.firstOf(part), handlers: table.parts[part] ?? [] });

const ACCESSING = /^(push|pop|call|ret|leave|movs|stos|lods|rep)/;

/** Emits the common handlers that access memory once more, so that accesses whose translation cannot be cached are made. */
export const emitUncachedPart = (
  body: FunctionBody,
  shape: InterpreterShape,
  table: HandlerTable,
  places: InterpreterPlaces,
): void => {
  const accesses = ({ form }: Handler): boolean =>
    ACCESSING.test(form.mnemonic) || form.operands.some(({ kind }) => kind === "memory");
  const handlers = (table.parts[PART.common] ?? []).map((handler) => (accesses(handler) ? handler : null));
  emitHandlers(body, shape, places, { first: 0, handlers });
};

/** Goes where the answer of a part says, which is on the stack. */
const emitGoOn = (m: InterpreterMachine, locals: InterpreterLocals, labels: InterpreterLabels): void => {
  const { body } = m;
  const { record, leaveCode, spaceTag, state } = locals;
  body.set(leaveCode);
  loadState(m, locals);
  body.set(record, load(TYPE.i32, 4, false, state, STATE.exitRecord));
  body.branchIf(labels.next, eq(leaveCode, GO_ON.next));
  body.branchIf(labels.enter, eq(leaveCode, GO_ON.enter));
  body.set(spaceTag, load(TYPE.i32, 4, false, state, STATE.spaceTag));
  body.branchIf(labels.lookup, eq(leaveCode, GO_ON.lookup));
  body.branch(labels.exit);
};

/** Emits the call of another part in the common one. */
export const emitPartCall = (
  m: InterpreterMachine,
  locals: InterpreterLocals,
  table: HandlerTable,
  { partType, firstPartSlot }: InterpreterPlaces,
  labels: InterpreterLabels,
): void => {
  const { body } = m;
  let slot: Value = i32(firstPartSlot);
  for (const part of [PART.system, PART.x87, PART.vector, PART.float, PART.rare])
    slot = add(slot, compare("geU", m.field16(RECORD.handler), i32(table.firstOf(part))));
  storeState(m, locals);
  body.callIndirect(partType, slot, locals.record, locals.spaceTag);
  emitGoOn(m, locals, labels);
};

/**
 * Emits what comes after an access that its TLB entry does not allow. Where the uncached part has got nowhere, the careful
 * interpreter is to do the instruction.
 */
export const emitMiss = (
  m: InterpreterMachine,
  locals: InterpreterLocals,
  { address, flags }: AccessMiss,
  functions: MissFunctions,
  labels: InterpreterLabels,
): void => {
  const { body } = m;
  const { record, leaveCode, spaceTag } = locals;
  body.call(functions.miss, address, flags, spaceTag);
  body.set(leaveCode);
  body.branchIf(labels.next, isZero(leaveCode));
  body.if(eq(leaveCode, UNCACHED));
  storeState(m, locals);
  body.call(functions.uncached, record, spaceTag);
  body.set(leaveCode);
  const stays = eq(load(TYPE.i32, 4, false, locals.state, STATE.exitRecord), record);
  body.if(isZero(and(eq(leaveCode, GO_ON.next), stays)));
  body.push(leaveCode);
  emitGoOn(m, locals, labels);
  body.end();
  body.set(leaveCode, i32(LEAVE.careful));
  body.end();
  m.refund();
  m.leave(leaveCode);
};
