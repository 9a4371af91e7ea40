import type { Label, Value } from "@xenolith/wasm-emitter";

/** Locals of the interpreter function that handlers work with. */
export interface InterpreterLocals {
  /** Offset in memory of the state block: a constant. */
  readonly state: Value;
  readonly spaceTag: Value;
  /** Record being executed. */
  readonly record: Value;
  readonly budget: Value;
  readonly instructionPointer: Value;
  readonly leaveCode: Value;
}

/** Places of the interpreter function that handlers go to. */
export interface InterpreterLabels {
  /** Next record. */
  readonly next: Label;
  /** A block begins: charge the budget. */
  readonly enter: Label;
  /** Find the record for the instruction pointer. */
  readonly lookup: Label;
  /** On to the target of the present direct branch, or to the instruction behind the present one, by a lookup. */
  readonly target: Label;
  readonly behind: Label;
  /** Leave with the instruction pointer at the present instruction. */
  readonly leave: Label;
  readonly exit: Label;
}
