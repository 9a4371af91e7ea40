import type { AccessEvent, InstructionEvent } from "../instrumentation/types.ts";

/** What a trace keeps of an instruction. An `InstructionEvent` is one. */
export type TracedInstruction = Pick<
  InstructionEvent,
  "address" | "instructionPointer" | "bytes" | "codeBytes" | "hasRetired"
> & {
  readonly accesses: readonly Omit<AccessEvent, "instructionPointer">[];
  readonly changes: readonly { readonly name: string; readonly after: bigint }[];
};

/** An instruction read from a trace. */
export interface TraceRecord extends TracedInstruction {
  /** In Intel syntax. */
  readonly text: string;
}

/** Why a trace cannot be read, or not to its end: half a sentence for people. */
export interface TraceProblem {
  readonly kind: "problem";
  readonly message: string;
}
