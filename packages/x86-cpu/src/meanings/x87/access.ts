import { and, convert, i32, ne, TYPE, type Value } from "@xenolith/wasm-emitter";
import { REGISTER, SEGMENT, VECTOR } from "@xenolith/x86-architecture";
import type { Machine } from "../../machine/machine.ts";
import { SEGMENT_BYTES, SEGMENT_FIELD, STATE } from "../../state/layout.ts";
import type { SupportFunction } from "../../support/support-function.ts";
import { STATUS } from "../../x87/registers.ts";
import { OUTCOME } from "../../x87/results.ts";
import type { Definition, Meaning } from "../definition.ts";
import { exactly } from "../definition.ts";

/** What an x87 instruction without special size rules is defined by. `memoryBytes`: size of a memory operand. */
export const x87Definition = (
  mnemonic: string,
  form: string,
  meaning: Meaning,
  memoryBytes = 0,
): Definition => ({
  mnemonic,
  sizes: exactly(4),
  forms: [form],
  operandBytes: () => (form === "m" ? memoryBytes : form === "r" ? 2 : 10),
  meaning,
});

const status = (m: Machine): Value => m.stateField(TYPE.i32, 4, STATE.x87Status);

/** A meaning that raises #MF first where an unmasked exception is pending. [SDM1-8.6] */
export const waiting =
  (meaning: Meaning): Meaning =>
  (m) => {
    m.faultIf(and(status(m), STATUS.summary), VECTOR.x87Error);
    meaning(m);
  };

/** Does what changes no flags when a condition holds: unlike `Machine.when`, it leaves the flags where they are. */
export const onlyIf = (m: Machine, condition: Value, then: () => void): void => {
  m.body.if(condition);
  then();
  m.body.end();
};

const selectorOf = (m: Machine, segment: number): Value =>
  m.stateField(TYPE.i32, 4, STATE.segments + SEGMENT_BYTES * segment + SEGMENT_FIELD.selector);

/**
 * Remembers the instruction where it has left an unmasked exception pending. Only then: processors are free to keep the
 * pointers of other instructions to themselves. [APM2 11.4.4]
 */
export const notePending = (m: Machine, outcome: Value, address: Value | null = null): void =>
  onlyIf(m, outcome, () => {
    m.setStateField(8, STATE.x87InstructionPointer, convert(m.thisInstruction(), TYPE.i64));
    m.setStateField(4, STATE.x87CodeSelector, selectorOf(m, SEGMENT.cs));
    m.setStateField(8, STATE.x87DataPointer, convert(address ?? i32(0), TYPE.i64));
    m.setStateField(4, STATE.x87DataSelector, selectorOf(m, SEGMENT.ds));
  });

/** Calls a support function whose last result is an outcome, and notes what is pending. */
export const callNoting = (
  m: Machine,
  support: SupportFunction,
  ...values: readonly Value[]
): readonly Value[] => {
  const results = m.call(support, ...values);
  const outcome = results.at(-1);
  if (outcome !== undefined) notePending(m, outcome);
  return results;
};

/** Whether the instruction has a result. */
export const hasResult = (outcome: Value): Value => ne(outcome, OUTCOME.prevented);

/** Address of the memory operand, pinned. */
export const memoryAddress = (m: Machine): Value => m.pin(m.address());

/** Writes AX. */
export const setAccumulator = (m: Machine, value: Value): void => m.setRegister(REGISTER.rax, 2, value);
