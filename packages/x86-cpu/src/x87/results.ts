import {
  and,
  eq,
  type FunctionBody,
  i32,
  i64,
  isZero,
  or,
  select,
  shrU,
  TYPE,
  type Value,
  xor,
} from "@xenolith/wasm-emitter";
import { named, raisedHead, when } from "../floating-point/emit.ts";
import { INDEFINITE, PREVENTING, RAISED, RAISED_SHIFT } from "../floating-point/format.ts";
import type { SupportContext, SupportFunction } from "../support/support-function.ts";
import { STATUS, X87Registers } from "./registers.ts";

const { i32: I32, i64: I64 } = TYPE;

/** What a support function that may raise an x87 exception says. */
export const OUTCOME = {
  /** No exception, or a masked one. */
  done: 0,
  /** An unmasked exception is pending now. */
  pending: 1,
  /** As {@link OUTCOME.pending}, and the instruction has no result: nothing is to be stored, no flag to be set. */
  prevented: 2,
} as const;

/** Exceptions of an empty source. [SDM1-8.5.1.1] */
export const UNDERFLOW: number = RAISED.invalid | RAISED.stack;
/** Exceptions of a push onto a register in use. [SDM1-8.5.1.1] */
export const OVERFLOW: number = RAISED.invalid | RAISED.stack | RAISED.up;

/** Status word with exceptions added, C1 and C2 as they say, and the summary bits where one is not masked. */
export const statusWith = (body: FunctionBody, status: Value, control: Value, raised: Value): Value => {
  const merged = named(body, or(and(status, ~STATUS.c1), raised));
  const unmasked = and(and(merged, STATUS.exceptions), xor(control, -1));
  return or(merged, select(i32(STATUS.summary | STATUS.busy), i32(0), unmasked));
};

/**
 * (exceptions) -> outcome: records exceptions of an instruction whose result goes elsewhere. Unmasked invalid operation,
 * denormal and division by zero prevent it.
 */
export const X87_RAISE: SupportFunction = {
  name: "x87-raise",
  parameters: [I32],
  results: [I32],
  emit(body: FunctionBody, context: SupportContext): void {
    const raised = body.parameter(0);
    const registers = new X87Registers(body, context);
    const control = named(body, registers.control);
    const unmasked = named(body, and(and(raised, STATUS.exceptions), xor(control, -1)));
    registers.setStatus(statusWith(body, registers.status, control, raised));
    when(body, isZero(unmasked), () => body.return(i32(OUTCOME.done)));
    body.push(select(i32(OUTCOME.prevented), i32(OUTCOME.pending), and(unmasked, PREVENTING)));
  },
};

/**
 * (place of ST(i), mantissa, head with exceptions, pops) -> outcome: writes the result of an instruction unless an unmasked
 * exception prevents it, records exceptions, and pops.
 */
export const X87_RESULT: SupportFunction = {
  name: "x87-result",
  parameters: [I32, I64, I32, I32],
  results: [I32],
  emit(body: FunctionBody, context: SupportContext): void {
    const [index, mantissa, head, pops] = [0, 1, 2, 3].map((n) => body.parameter(n)) as [
      Value,
      Value,
      Value,
      Value,
    ];
    body.call(context.indexOf(X87_RAISE), shrU(head, RAISED_SHIFT));
    const outcome = body.local(I32);
    body.set(outcome);
    when(body, and(outcome, OUTCOME.prevented), () => body.return(outcome));
    const registers = new X87Registers(body, context);
    const place = named(body, registers.place(index));
    registers.setRegister(place, mantissa, head);
    registers.markUsed(place);
    when(body, pops, () => {
      body.call(context.indexOf(X87_POP));
    });
    body.push(outcome);
  },
};

/** Empties ST(0) and makes ST(1) the top. */
export const X87_POP: SupportFunction = {
  name: "x87-pop",
  parameters: [],
  results: [],
  emit(body: FunctionBody, context: SupportContext): void {
    const registers = new X87Registers(body, context);
    registers.setStatus(registers.popped(registers.status));
  },
};

/**
 * (mantissa, head with exceptions) -> outcome: pushes a value. Onto a register in use the indefinite NaN is pushed, or nothing
 * when that is not masked. [SDM1-8.5.1.1]
 */
export const X87_PUSH: SupportFunction = {
  name: "x87-push",
  parameters: [I64, I32],
  results: [I32],
  emit(body: FunctionBody, context: SupportContext): void {
    const mantissa = body.parameter(0);
    const head = body.parameter(1);
    const registers = new X87Registers(body, context);
    const place = named(body, registers.place(-0x10));
    const tags = named(body, registers.tags);
    when(body, and(registers.isEmpty(place, tags), isZero(shrU(head, RAISED_SHIFT))), () => {
      registers.setRegister(place, mantissa, head);
      registers.setTags(or(tags, registers.bit(place)));
      registers.setStatus(registers.moved(and(registers.status, ~STATUS.c1), -1));
      body.return(i32(OUTCOME.done));
    });
    const isUnderflow = eq(and(head, raisedHead(OVERFLOW)), raisedHead(UNDERFLOW));
    when(body, and(and(registers.isUsed(place, tags), 1), isZero(isUnderflow)), () => {
      body.set(mantissa, i64(INDEFINITE.mantissa));
      body.set(head, i32(INDEFINITE.head | (OVERFLOW << RAISED_SHIFT)));
    });
    body.call(context.indexOf(X87_RAISE), shrU(head, RAISED_SHIFT));
    const outcome = body.local(I32);
    body.set(outcome);
    // A denormal in memory becomes a normal number here: it is pushed all the same.
    when(body, and(outcome, OUTCOME.prevented), () => {
      when(body, and(head, raisedHead(RAISED.invalid)), () => body.return(outcome));
      body.set(outcome, i32(OUTCOME.pending));
    });
    registers.setRegister(place, mantissa, head);
    registers.markUsed(place);
    body.set(registers.status, new X87Registers(body, context).status);
    registers.setStatus(registers.moved(registers.status, -1));
    body.push(outcome);
  },
};
