import {
  and,
  type FunctionBody,
  i32,
  i64,
  isZero,
  or,
  shrU,
  TYPE,
  type Value,
  xor,
} from "@xenolith/wasm-emitter";
import { named, raisedHead, taken, when } from "../floating-point/emit.ts";
import { INDEFINITE, RAISED, RAISED_SHIFT } from "../floating-point/format.ts";
import { ROUND_TO_INTEGRAL } from "../floating-point/integral.ts";
import { NEAREST_REMAINDER, REMAINDER } from "../floating-point/remainder.ts";
import { EXTRACT, SCALE } from "../floating-point/scale.ts";
import { SQUARE_ROOT } from "../floating-point/square-root.ts";
import { ARCTANGENT } from "../floating-point/transcendental/arctangent.ts";
import { EXPONENTIAL } from "../floating-point/transcendental/exponential.ts";
import { LOGARITHM, LOGARITHM_OF_SUM } from "../floating-point/transcendental/logarithm.ts";
import { COSINE, SINE, SINE_AND_COSINE, TANGENT } from "../floating-point/transcendental/trigonometric.ts";
import type { SupportContext, SupportFunction } from "../support/support-function.ts";
import { STATUS, X87Registers } from "./registers.ts";
import { OUTCOME, OVERFLOW, UNDERFLOW, X87_RAISE, X87_RESULT } from "./results.ts";

const { i32: I32, i64: I64 } = TYPE;

const indefiniteMantissa: Value = i64(INDEFINITE.mantissa);
const underflowHead: Value = i32(INDEFINITE.head | raisedHead(UNDERFLOW));

/** An instruction without operands and the support function that does it: () -> outcome. */
export interface StackOperation {
  readonly mnemonic: string;
  readonly support: SupportFunction;
}

/** Clears C2 for an operation that says by it whether it is complete. */
const clearPartial = (registers: X87Registers): void =>
  registers.setStatus(and(registers.status, ~STATUS.c2));

/** Takes condition codes that a result carries over into the status word. */
const takeCodes = (body: FunctionBody, registers: X87Registers, head: Value): void =>
  when(body, and(head, raisedHead(RAISED.codes)), () => {
    registers.setStatus(and(registers.status, ~STATUS.codes));
    body.set(head, and(head, ~raisedHead(RAISED.codes)));
  });

/** An operation on ST(0). `core`: (mantissa, head, control) -> extended. */
const unary = (mnemonic: string, core: SupportFunction, setsC2 = false): StackOperation => ({
  mnemonic,
  support: {
    name: `x87-${mnemonic}`,
    parameters: [],
    results: [I32],
    emit(body: FunctionBody, context: SupportContext): void {
      const registers = new X87Registers(body, context);
      const top = named(body, registers.place(0));
      if (setsC2) clearPartial(registers);
      when(body, registers.isEmpty(top), () => {
        body.call(context.indexOf(X87_RESULT), i32(0), indefiniteMantissa, underflowHead, i32(0));
        body.return();
      });
      body.call(context.indexOf(core), registers.mantissa(top), registers.head(top), registers.control);
      const [mantissa, head] = taken(body, I64, I32);
      const raised = named(body, shrU(head, RAISED_SHIFT));
      // What X87_RESULT does with a result whose exceptions are all masked.
      when(body, isZero(and(and(raised, STATUS.exceptions), xor(registers.control, -1))), () => {
        const after = new X87Registers(body, context);
        after.setStatus(or(and(after.status, ~STATUS.c1), raised));
        after.setRegister(top, mantissa, head);
        body.return(i32(OUTCOME.done));
      });
      body.call(context.indexOf(X87_RESULT), i32(0), mantissa, head, i32(0));
    },
  },
});

/**
 * An operation on ST(0) and ST(1). `core`: (mantissa, head, mantissa, head, control) -> extended. The result replaces ST(0),
 * or ST(1) which then becomes the top.
 */
const binary = (mnemonic: string, core: SupportFunction, pops: boolean, setsC2 = false): StackOperation => ({
  mnemonic,
  support: {
    name: `x87-${mnemonic}`,
    parameters: [],
    results: [I32],
    emit(body: FunctionBody, context: SupportContext): void {
      const registers = new X87Registers(body, context);
      const top = named(body, registers.place(0));
      const next = named(body, registers.place(0x10));
      const destination = i32(pops ? 0x10 : 0);
      const popCount = i32(pops ? 1 : 0);
      if (setsC2) clearPartial(registers);
      when(body, or(registers.isEmpty(top), registers.isEmpty(next)), () => {
        body.call(context.indexOf(X87_RESULT), destination, indefiniteMantissa, underflowHead, popCount);
        body.return();
      });
      body.push(destination);
      body.call(
        context.indexOf(core),
        registers.mantissa(top),
        registers.head(top),
        registers.mantissa(next),
        registers.head(next),
        registers.control,
      );
      const [mantissa, head] = taken(body, I64, I32);
      if (setsC2) takeCodes(body, registers, head);
      body.push(mantissa, head);
      body.call(context.indexOf(X87_RESULT), popCount);
    },
  },
});

/**
 * An operation that replaces ST(0) and pushes a second result. `core`: (mantissa, head, control) -> (mantissa, head with all
 * exceptions, mantissa, head); `partial` says that ST(0) stays as it is when C2 is raised.
 */
const splitting = (mnemonic: string, core: SupportFunction, setsC2 = false): StackOperation => ({
  mnemonic,
  support: {
    name: `x87-${mnemonic}`,
    parameters: [],
    results: [I32],
    emit(body: FunctionBody, context: SupportContext): void {
      const registers = new X87Registers(body, context);
      const top = named(body, registers.place(0));
      const above = named(body, registers.place(-0x10));
      const first = named(body, indefiniteMantissa);
      const firstHead = named(body, underflowHead);
      const second = named(body, indefiniteMantissa);
      const secondHead = named(body, i32(INDEFINITE.head));
      if (setsC2) clearPartial(registers);
      const isEmpty = named(body, registers.isEmpty(top));
      const overflows = named(body, and(registers.isUsed(above), 1));
      when(body, and(overflows, isZero(isEmpty)), () =>
        body.set(firstHead, i32(INDEFINITE.head | raisedHead(OVERFLOW))),
      );
      when(body, isZero(or(isEmpty, overflows)), () => {
        body.call(context.indexOf(core), registers.mantissa(top), registers.head(top), registers.control);
        for (const target of [secondHead, second, firstHead, first]) body.set(target);
      });
      const isPartial = and(firstHead, raisedHead(STATUS.c2));
      when(body, isPartial, () => {
        body.call(context.indexOf(X87_RAISE), shrU(firstHead, RAISED_SHIFT));
        body.return();
      });
      body.call(context.indexOf(X87_RESULT), i32(0), first, firstHead, i32(0));
      const outcome = body.local(I32);
      body.set(outcome);
      when(body, and(outcome, OUTCOME.prevented), () => body.return(outcome));
      const after = new X87Registers(body, context);
      after.setRegister(above, second, secondHead);
      after.markUsed(above);
      after.setStatus(after.moved(after.status, -1));
      body.push(outcome);
    },
  },
});

/** Instructions that work on the top of the stack alone. [SDM2A-3.3] */
export const STACK_OPERATIONS: readonly StackOperation[] = [
  unary("fsqrt", SQUARE_ROOT),
  unary("frndint", ROUND_TO_INTEGRAL),
  binary("fscale", SCALE, false),
  binary("fprem", REMAINDER, false, true),
  binary("fprem1", NEAREST_REMAINDER, false, true),
  splitting("fxtract", EXTRACT),
  unary("fsin", SINE, true),
  unary("fcos", COSINE, true),
  splitting("fsincos", SINE_AND_COSINE, true),
  splitting("fptan", TANGENT, true),
  unary("f2xm1", EXPONENTIAL),
  binary("fyl2x", LOGARITHM, true),
  binary("fyl2xp1", LOGARITHM_OF_SUM, true),
  binary("fpatan", ARCTANGENT, true),
];
