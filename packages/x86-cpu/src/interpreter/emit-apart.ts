import { eq, type FunctionBody, i32, type Label, sub, TYPE, type ValueType } from "@xenolith/wasm-emitter";
import type { InterpreterPlaces } from "./execute-check.ts";
import type { HandlerTable } from "./handlers.ts";
import { type InterpreterLocals, InterpreterMachine, type InterpreterShape } from "./interpreter-machine.ts";
import { LEAVE, RECORD } from "./record.ts";

/** Types of the parameters of the second function of an interpreter. */
export const APART_PARAMETERS: readonly ValueType[] = [TYPE.i32, TYPE.i32];
/** Types of its results. */
export const APART_RESULTS: readonly ValueType[] = [TYPE.i32, TYPE.i32];

/** Where an interpreter finds its second function in the table of translations: below `FIRST_TRANSLATION`. */
export const apartSlot = ({ wide, careful }: InterpreterShape): number =>
  1 + (wide ? 2 : 0) + (careful ? 1 : 0);

/**
 * Emits the second function of an interpreter, (record, space tag) -> (record, code): it does the instructions of the records
 * from the given one on as long as their handlers are its own, and comes back with the first record that is not and 0, or with
 * the record that cannot go on and a value of `LEAVE`. Flags, instruction pointer and budget stay with its caller.
 */
export const emitApart = (
  body: FunctionBody,
  shape: InterpreterShape,
  table: HandlerTable,
  places: InterpreterPlaces,
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
  const next = body.loop();
  const m = new InterpreterMachine(
    body,
    shape,
    locals,
    { exit, next, enter: exit, lookup: exit },
    {
      tlb: places.tlb,
      translateFunction: places.translate,
      commitFunction: places.commit,
      once: i32(0),
      supportIndex: places.supportIndex,
    },
  );
  const blocks: Label[] = [];
  for (const _ of table.apart) blocks.push(body.block());
  body.branchTable(sub(m.field16(RECORD.handler), table.count), blocks.toReversed(), exit);
  for (const { form, definition } of table.apart) {
    body.end();
    m.begin(form.sizeBytes, form.operands);
    definition.meaning(m);
    m.finish();
  }
  body.end();
  body.end();
  body.push(locals.record, locals.leaveCode);
};

/** Emits the call in the first function. A rare instruction stays charged, whatever else it leaves for is given back. */
export const emitApartCall = (
  m: InterpreterMachine,
  locals: InterpreterLocals,
  { apartType, apartSlot: slot }: InterpreterPlaces,
  next: () => void,
  exit: () => void,
): void => {
  const { body } = m;
  const { record, leaveCode, budget, spaceTag, instructionPointer } = locals;
  body.callIndirect(apartType, i32(slot), record, spaceTag);
  body.set(leaveCode);
  body.set(record);
  body.if(leaveCode);
  m.refund();
  body.set(budget, sub(budget, eq(leaveCode, LEAVE.rare)));
  body.set(instructionPointer, m.fieldAddress(RECORD.instructionPointer));
  exit();
  body.end();
  next();
};
