import {
  and,
  eq,
  type FunctionBody,
  i32,
  i64,
  isZero,
  or,
  shl,
  TYPE,
  type Value,
} from "@xenolith/wasm-emitter";
import { ADD, DIVIDE, MULTIPLY, SUBTRACT } from "../floating-point/arithmetic.ts";
import { named, when } from "../floating-point/emit.ts";
import { CONTROL, INDEFINITE, RAISED_SHIFT } from "../floating-point/format.ts";
import type { SupportContext, SupportFunction } from "../support/support-function.ts";
import {
  type FastOperation,
  fastAdd,
  fastDivide,
  fastDivideReversed,
  fastMultiply,
  fastSubtract,
  fastSubtractReversed,
  isNormal,
  type Normal,
} from "./fast-arithmetic.ts";
import { STATUS, X87Registers } from "./registers.ts";
import { OUTCOME, UNDERFLOW, X87_RESULT } from "./results.ts";

const { i32: I32, i64: I64 } = TYPE;

interface Arithmetic {
  readonly name: string;
  readonly fast: FastOperation;
  /** The operation in full, and whether its operands are the other way round. */
  readonly full: SupportFunction;
  readonly isReversed: boolean;
}

/** i32: rounding to nearest at 64 bits with a masked precision exception: what fast operations are made for. */
const isUsualControl = (control: Value): Value =>
  eq(
    and(control, CONTROL.rounding | CONTROL.mantissa | CONTROL.precision),
    CONTROL.mantissa64 | CONTROL.precision,
  );

const emitArithmetic = (
  body: FunctionBody,
  context: SupportContext,
  registers: X87Registers,
  { fast, full, isReversed }: Arithmetic,
  operands: {
    readonly index: Value;
    readonly place: Value;
    readonly a: Normal;
    readonly b: Normal;
    readonly areUsed: Value;
    readonly pops: boolean;
  },
): void => {
  const { index, place, a, b, pops } = operands;
  const control = named(body, registers.control);
  const areUsed = named(body, operands.areUsed);
  const slow = body.block();
  const isUsual = and(and(areUsed, isUsualControl(control)), and(isNormal(a), isNormal(b)));
  body.branchIf(slow, isZero(isUsual));
  const { mantissa, head, up, inexact } = fast(body, a, b, slow);
  registers.setRegister(place, mantissa, head);
  const raised = or(shl(inexact, 5), shl(up, 9));
  const status = or(and(registers.status, ~STATUS.c1), raised);
  registers.setStatus(pops ? registers.popped(status) : status);
  body.return(i32(OUTCOME.done));
  body.end();
  const popCount = i32(pops ? 1 : 0);
  when(body, isZero(areUsed), () => {
    const head = i32(INDEFINITE.head | (UNDERFLOW << RAISED_SHIFT));
    body.call(context.indexOf(X87_RESULT), index, i64(INDEFINITE.mantissa), head, popCount);
    body.return();
  });
  const [first, second] = isReversed ? [b, a] : [a, b];
  body.push(index);
  body.call(context.indexOf(full), first.mantissa, first.head, second.mantissa, second.head, control);
  body.push(popCount);
  body.call(context.indexOf(X87_RESULT));
};

const registerForm = (arithmetic: Arithmetic, pops: boolean): SupportFunction => ({
  name: `x87-${arithmetic.name}${pops ? "-pop" : ""}`,
  parameters: [I32, I32],
  results: [I32],
  emit(body: FunctionBody, context: SupportContext): void {
    const registers = new X87Registers(body, context);
    const index = body.parameter(0);
    const place = named(body, registers.place(index));
    const source = named(body, registers.place(body.parameter(1)));
    const tags = named(body, registers.tags);
    const [a, b] = [place, source].map((at) => ({
      mantissa: named(body, registers.mantissa(at)),
      head: named(body, registers.head(at)),
    })) as [Normal, Normal];
    const areUsed = and(and(registers.isUsed(place, tags), registers.isUsed(source, tags)), 1);
    emitArithmetic(body, context, registers, arithmetic, { index, place, a, b, areUsed, pops });
  },
});

const valueForm = (arithmetic: Arithmetic): SupportFunction => ({
  name: `x87-${arithmetic.name}-value`,
  parameters: [I64, I32],
  results: [I32],
  emit(body: FunctionBody, context: SupportContext): void {
    const registers = new X87Registers(body, context);
    const place = named(body, registers.place(0));
    const a: Normal = {
      mantissa: named(body, registers.mantissa(place)),
      head: named(body, registers.head(place)),
    };
    const b: Normal = { mantissa: body.parameter(0), head: body.parameter(1) };
    const areUsed = and(registers.isUsed(place), 1);
    emitArithmetic(body, context, registers, arithmetic, {
      index: i32(0),
      place,
      a,
      b,
      areUsed,
      pops: false,
    });
  },
});

/** The forms of one operation. */
export interface ArithmeticForms {
  readonly mnemonic: string;
  /** (destination, source) -> outcome: ST(destination) op ST(source), both as 16 times their number. */
  readonly registers: SupportFunction;
  /** The same, and pops. */
  readonly popping: SupportFunction;
  /** (mantissa, head) -> outcome: ST(0) op a value, whose head may carry exceptions of its load. */
  readonly value: SupportFunction;
}

const forms = (
  name: string,
  fast: FastOperation,
  full: SupportFunction,
  isReversed = false,
): ArithmeticForms => {
  const arithmetic = { name, fast, full, isReversed };
  return {
    mnemonic: name,
    registers: registerForm(arithmetic, false),
    popping: registerForm(arithmetic, true),
    value: valueForm(arithmetic),
  };
};

/** FADD FSUB FSUBR FMUL FDIV FDIVR. [SDM2A-3.3] */
export const X87_ARITHMETIC: readonly ArithmeticForms[] = [
  forms("fadd", fastAdd, ADD),
  forms("fmul", fastMultiply, MULTIPLY),
  forms("fsub", fastSubtract, SUBTRACT),
  forms("fsubr", fastSubtractReversed, SUBTRACT, true),
  forms("fdiv", fastDivide, DIVIDE),
  forms("fdivr", fastDivideReversed, DIVIDE, true),
];
