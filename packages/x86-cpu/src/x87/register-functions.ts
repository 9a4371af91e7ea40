import { and, type FunctionBody, i32, i64, or, select, TYPE, type Value, xor } from "@xenolith/wasm-emitter";
import { named, raisedHead, when } from "../floating-point/emit.ts";
import { INDEFINITE } from "../floating-point/format.ts";
import type { SupportContext, SupportFunction } from "../support/support-function.ts";
import { STATUS, X87Registers } from "./registers.ts";
import { OUTCOME, UNDERFLOW, X87_RAISE, X87_RESULT } from "./results.ts";

const { i32: I32 } = TYPE;

const indefiniteMantissa: Value = i64(INDEFINITE.mantissa);
const underflowHead: Value = i32(INDEFINITE.head | raisedHead(UNDERFLOW));

/** (16 i, pops) -> outcome: copies ST(0) to ST(i). [SDM2A-3.3 "FST"] */
export const X87_COPY: SupportFunction = {
  name: "x87-copy",
  parameters: [I32, I32],
  results: [I32],
  emit(body: FunctionBody, context: SupportContext): void {
    const registers = new X87Registers(body, context);
    const source = named(body, registers.place(0));
    const isEmpty = named(body, registers.isEmpty(source));
    body.push(body.parameter(0));
    body.push(select(indefiniteMantissa, registers.mantissa(source), isEmpty));
    body.push(select(underflowHead, registers.head(source), isEmpty));
    body.call(context.indexOf(X87_RESULT), body.parameter(1));
  },
};

/** (16 i, condition) -> outcome: copies ST(i) to ST(0) when the condition holds. C1 stays as it is. [SDM2A-3.3 "FCMOVcc"] */
export const X87_MOVE_IF: SupportFunction = {
  name: "x87-move-if",
  parameters: [I32, I32],
  results: [I32],
  emit(body: FunctionBody, context: SupportContext): void {
    const registers = new X87Registers(body, context);
    const top = named(body, registers.place(0));
    const source = named(body, registers.place(body.parameter(0)));
    const isEmpty = named(body, or(registers.isEmpty(top), registers.isEmpty(source)));
    when(body, isEmpty, () => {
      body.call(context.indexOf(X87_RESULT), i32(0), indefiniteMantissa, underflowHead, i32(0));
      body.return();
    });
    when(body, body.parameter(1), () =>
      registers.setRegister(top, registers.mantissa(source), registers.head(source)),
    );
    body.push(i32(OUTCOME.done));
  },
};

/** (16 i) -> outcome: exchanges ST(0) and ST(i); an empty one counts as the indefinite NaN. [SDM2A-3.3 "FXCH"] */
export const X87_EXCHANGE: SupportFunction = {
  name: "x87-exchange",
  parameters: [I32],
  results: [I32],
  emit(body: FunctionBody, context: SupportContext): void {
    const registers = new X87Registers(body, context);
    const top = named(body, registers.place(0));
    const other = named(body, registers.place(body.parameter(0)));
    const tags = named(body, registers.tags);
    const [a, b] = [top, other].map((place) => ({
      mantissa: named(body, registers.mantissa(place)),
      head: named(body, registers.head(place)),
      isEmpty: registers.isEmpty(place, tags),
    })) as [Exchanged, Exchanged];
    const outcome = named(body, i32(OUTCOME.done));
    when(
      body,
      or(a.isEmpty, b.isEmpty),
      () => {
        body.call(context.indexOf(X87_RAISE), i32(UNDERFLOW));
        body.set(outcome);
        when(body, and(outcome, OUTCOME.prevented), () => body.return(outcome));
        for (const { isEmpty, mantissa, head } of [a, b]) {
          when(body, isEmpty, () => {
            body.set(mantissa, indefiniteMantissa);
            body.set(head, i32(INDEFINITE.head));
          });
        }
        registers.markUsed(top);
        registers.markUsed(other);
      },
      () => registers.setStatus(and(registers.status, ~STATUS.c1)),
    );
    registers.setRegister(top, b.mantissa, b.head);
    registers.setRegister(other, a.mantissa, a.head);
    body.push(outcome);
  },
};

interface Exchanged {
  readonly mantissa: Value;
  readonly head: Value;
  readonly isEmpty: Value;
}

/** (kept bits, inverted bits) -> outcome: changes the head of ST(0): FCHS and FABS. [SDM2A-3.3] */
export const X87_CHANGE_SIGN: SupportFunction = {
  name: "x87-change-sign",
  parameters: [I32, I32],
  results: [I32],
  emit(body: FunctionBody, context: SupportContext): void {
    const registers = new X87Registers(body, context);
    const top = named(body, registers.place(0));
    when(body, registers.isEmpty(top), () => {
      body.call(context.indexOf(X87_RESULT), i32(0), indefiniteMantissa, underflowHead, i32(0));
      body.return();
    });
    const kept = and(registers.head(top), body.parameter(0));
    registers.setHead(top, xor(kept, body.parameter(1)));
    registers.setStatus(and(registers.status, ~STATUS.c1));
    body.push(i32(OUTCOME.done));
  },
};
