import {
  and,
  eq,
  type FunctionBody,
  gtU,
  i32,
  i64,
  isZero,
  ne,
  or,
  select,
  shl,
  shrU,
  TYPE,
  type Value,
} from "@xenolith/wasm-emitter";
import { exponentOf, isNormalised, named, raisedHead, when } from "../floating-point/emit.ts";
import { RAISED, RAISED_SHIFT } from "../floating-point/format.ts";
import { COMPARE, ORDER } from "../floating-point/integral.ts";
import type { SupportContext, SupportFunction } from "../support/support-function.ts";
import { STATUS, X87Registers } from "./registers.ts";
import { OUTCOME, UNDERFLOW, X87_POP, X87_RAISE } from "./results.ts";

const { i32: I32, i64: I64 } = TYPE;

/** Result of a comparison with an empty register. */
const UNDERFLOW_ORDER = ORDER.unordered | raisedHead(UNDERFLOW);

const popTimes = (body: FunctionBody, context: SupportContext, pops: Value): void => {
  when(body, pops, () => body.call(context.indexOf(X87_POP)));
  when(body, gtU(pops, 1), () => body.call(context.indexOf(X87_POP)));
};

/** Puts the condition codes of an order into the status word, records its exceptions and pops. */
const finishOrder = (
  body: FunctionBody,
  context: SupportContext,
  registers: X87Registers,
  order: Value,
  pops: Value,
): void => {
  registers.setStatus(or(and(registers.status, ~STATUS.codes), and(order, STATUS.codes)));
  const outcome = body.local(I32);
  body.call(context.indexOf(X87_RAISE), shrU(order, RAISED_SHIFT));
  body.set(outcome);
  when(body, isZero(and(outcome, OUTCOME.prevented)), () => popTimes(body, context, pops));
  body.push(outcome);
};

/** (mantissa, head, quiet, pops) -> outcome: ST(0) against a value, into C3 C2 C0. [SDM2A-3.3 "FCOM" "FTST"] */
export const X87_COMPARE: SupportFunction = {
  name: "x87-compare",
  parameters: [I64, I32, I32, I32],
  results: [I32],
  emit(body: FunctionBody, context: SupportContext): void {
    const [mantissa, head, quiet, pops] = [0, 1, 2, 3].map((n) => body.parameter(n)) as [
      Value,
      Value,
      Value,
      Value,
    ];
    const registers = new X87Registers(body, context);
    const top = named(body, registers.place(0));
    const order = named(body, i32(UNDERFLOW_ORDER));
    when(body, and(registers.isUsed(top), 1), () => {
      const [first, firstHead] = [registers.mantissa(top), registers.head(top)];
      body.call(context.indexOf(COMPARE), first, firstHead, mantissa, head, quiet);
      body.set(order);
    });
    finishOrder(body, context, registers, order, pops);
  },
};

const orderOfRegisters = (
  body: FunctionBody,
  context: SupportContext,
  registers: X87Registers,
  index: Value,
  quiet: Value,
): Value => {
  const top = named(body, registers.place(0));
  const other = named(body, registers.place(index));
  const tags = named(body, registers.tags);
  const order = named(body, i32(UNDERFLOW_ORDER));
  const areUsed = and(and(registers.isUsed(top, tags), registers.isUsed(other, tags)), 1);
  when(body, areUsed, () => {
    const [first, firstHead] = [registers.mantissa(top), registers.head(top)];
    const [second, secondHead] = [registers.mantissa(other), registers.head(other)];
    body.call(context.indexOf(COMPARE), first, firstHead, second, secondHead, quiet);
    body.set(order);
  });
  return order;
};

/** (16 i, quiet, pops) -> outcome: ST(0) against ST(i), into C3 C2 C0. [SDM2A-3.3 "FCOM" "FUCOM"] */
export const X87_COMPARE_REGISTER: SupportFunction = {
  name: "x87-compare-register",
  parameters: [I32, I32, I32],
  results: [I32],
  emit(body: FunctionBody, context: SupportContext): void {
    const [index, quiet, pops] = [0, 1, 2].map((n) => body.parameter(n)) as [Value, Value, Value];
    const registers = new X87Registers(body, context);
    const order = orderOfRegisters(body, context, registers, index, quiet);
    finishOrder(body, context, registers, order, pops);
  },
};

/**
 * (16 i, quiet, pops) -> (flags, outcome): ST(0) against ST(i) as ZF PF CF at their places in EFLAGS, to be set by the caller
 * whatever the outcome. [SDM2A-3.3 "FCOMI"]
 */
export const X87_COMPARE_FLAGS: SupportFunction = {
  name: "x87-compare-flags",
  parameters: [I32, I32, I32],
  results: [I32, I32],
  emit(body: FunctionBody, context: SupportContext): void {
    const [index, quiet, pops] = [0, 1, 2].map((n) => body.parameter(n)) as [Value, Value, Value];
    const registers = new X87Registers(body, context);
    const order = orderOfRegisters(body, context, registers, index, quiet);
    // C3 C2 C0 stand as ZF PF CF do, eight bits higher.
    body.push(and(shrU(order, 8), 0x45));
    // C1 is cleared by a stack fault only.
    const isStackFault = and(order, raisedHead(RAISED.stack));
    const kept = select(i32(0), and(registers.status, STATUS.c1), isStackFault);
    body.call(context.indexOf(X87_RAISE), or(shrU(order, RAISED_SHIFT), kept));
    const outcome = body.local(I32);
    body.set(outcome);
    when(body, isZero(and(outcome, OUTCOME.prevented)), () => popTimes(body, context, pops));
    body.push(outcome);
  },
};

/** Says in C3 C2 C0 what ST(0) is, and in C1 its sign. [SDM2A-3.3 "FXAM"] */
export const X87_EXAMINE: SupportFunction = {
  name: "x87-examine",
  parameters: [],
  results: [],
  emit(body: FunctionBody, context: SupportContext): void {
    const registers = new X87Registers(body, context);
    const place = named(body, registers.place(0));
    const mantissa = named(body, registers.mantissa(place));
    const head = named(body, registers.head(place));
    const exponent = named(body, exponentOf(head));
    const isInteger = named(body, isNormalised(mantissa));
    const { c0, c2, c3 } = STATUS;
    const largest = select(i32(c0), i32(c0 | c2), ne(shl(mantissa, 1), 0));
    const ordinary = select(largest, i32(c2), eq(exponent, 0x7fff));
    const small = select(i32(c2 | c3), i32(c3), ne(mantissa, i64(0)));
    const used = select(select(ordinary, i32(0), isInteger), small, exponent);
    const kind = select(i32(c0 | c3), used, registers.isEmpty(place));
    const sign = shrU(and(head, 0x8000), 6);
    registers.setStatus(or(and(registers.status, ~STATUS.codes), or(kind, sign)));
  },
};
