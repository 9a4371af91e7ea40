import { convert, type FunctionBody, load, TYPE, type Value } from "@xenolith/wasm-emitter";
import { STATE } from "../state/layout.ts";
import type { InterpreterLocals } from "./interpreter-function.ts";

/** What keeps the lazy flags in locals. */
export interface FlagKeeper {
  readonly body: FunctionBody;
  readonly flagLocals: { readonly kind: Value; readonly a: Value; readonly b: Value; readonly result: Value };
}

/** Locals of a function that runs code, and where the state block is. */
export type KeptLocals = Pick<InterpreterLocals, "state" | "budget" | "instructionPointer">;

/** Loads what functions that run code keep in locals: flags, budget and instruction pointer. */
export const loadState = (m: FlagKeeper, { state, budget, instructionPointer }: KeptLocals): void => {
  const { kind, a, b, result } = m.flagLocals;
  const field = (target: Value, offset: number): void => {
    const bytes = target.type === TYPE.i64 ? 8 : 4;
    m.body.set(target, load(target.type, bytes, false, state, offset));
  };
  field(kind, STATE.flagsKind);
  field(a, STATE.flagsA);
  field(b, STATE.flagsB);
  field(result, STATE.flagsResult);
  field(budget, STATE.budget);
  field(instructionPointer, STATE.instructionPointer);
};

/** Stores the flags that are kept in locals, sign-extended to 64 bits. */
export const storeKeptFlags = ({ body, flagLocals }: FlagKeeper, state: Value): void => {
  const { kind, a, b, result } = flagLocals;
  const wide = (value: Value): Value => convert(value, TYPE.i64, true);
  body.store(4, state, kind, STATE.flagsKind);
  body.store(8, state, wide(a), STATE.flagsA);
  body.store(8, state, wide(b), STATE.flagsB);
  body.store(8, state, wide(result), STATE.flagsResult);
};

/** Stores the budget and the instruction pointer; that of 32-bit code has zeros above. */
export const storeProgress = (
  body: FunctionBody,
  { state, budget, instructionPointer }: KeptLocals,
): void => {
  body.store(4, state, budget, STATE.budget);
  body.store(8, state, convert(instructionPointer, TYPE.i64, false), STATE.instructionPointer);
};

/** Stores back what {@link loadState} has loaded, and the record that the interpreter is at. */
export const storeState = (m: FlagKeeper, locals: InterpreterLocals): void => {
  storeKeptFlags(m, locals.state);
  storeProgress(m.body, locals);
  m.body.store(4, locals.state, locals.record, STATE.exitRecord);
};
