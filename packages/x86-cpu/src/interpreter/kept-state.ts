import { convert, type FunctionBody, load, TYPE, type Value } from "@xenolith/wasm-emitter";
import { STATE } from "../state/layout.ts";
import type { InterpreterLocals } from "./interpreter-machine.ts";

/** What keeps the lazy flags in locals. */
export interface FlagKeeper {
  readonly body: FunctionBody;
  readonly flagLocals: { readonly kind: Value; readonly a: Value; readonly b: Value; readonly result: Value };
}

/** Loads what the interpreter function keeps in locals from the state block. */
export const loadState = (m: FlagKeeper, { state, budget, instructionPointer }: InterpreterLocals): void => {
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

/**
 * Stores it back. Flags are kept sign-extended to 64 bits; an instruction pointer of 32-bit code has zeros above.
 */
export const storeState = (m: FlagKeeper, locals: InterpreterLocals): void => {
  const { body } = m;
  const { kind, a, b, result } = m.flagLocals;
  const wide = (value: Value, isSigned: boolean): Value => convert(value, TYPE.i64, isSigned);
  body.store(4, locals.state, kind, STATE.flagsKind);
  body.store(8, locals.state, wide(a, true), STATE.flagsA);
  body.store(8, locals.state, wide(b, true), STATE.flagsB);
  body.store(8, locals.state, wide(result, true), STATE.flagsResult);
  body.store(4, locals.state, locals.budget, STATE.budget);
  body.store(8, locals.state, wide(locals.instructionPointer, false), STATE.instructionPointer);
  body.store(4, locals.state, locals.record, STATE.exitRecord);
};
