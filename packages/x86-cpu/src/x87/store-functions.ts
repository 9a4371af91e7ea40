import {
  add,
  and,
  compare,
  convert,
  eq,
  type FunctionBody,
  i32,
  i64,
  or,
  select,
  shl,
  shrU,
  sub,
  TYPE,
  type Value,
  xor,
} from "@xenolith/wasm-emitter";
import { NARROW_DECIMAL } from "../floating-point/decimal.ts";
import { exponentOf, isNormalised, named, roundsUpToNearest, signOf, when } from "../floating-point/emit.ts";
import { CONTROL, EXPONENT_BIAS, INDEFINITE, PREVENTING, RAISED } from "../floating-point/format.ts";
import { NARROW_DOUBLE, NARROW_INTEGER, NARROW_SINGLE } from "../floating-point/narrow.ts";
import { DOUBLE, type NarrowFormat, SINGLE } from "../floating-point/round.ts";
import type { SupportContext, SupportFunction } from "../support/support-function.ts";
import { STATUS, X87Registers } from "./registers.ts";
import { OUTCOME, statusWith, UNDERFLOW, X87_POP } from "./results.ts";

const { i32: I32, i64: I64 } = TYPE;

/** Exceptions that, unmasked, keep a value from being stored to memory. [SDM1-8.5.4] */
const UNSTORABLE = PREVENTING | RAISED.overflow | RAISED.underflow;

/**
 * (exceptions, pops) -> outcome: ends an instruction that stores to memory.
 */
export const X87_STORED: SupportFunction = {
  name: "x87-stored",
  parameters: [I32, I32],
  results: [I32],
  emit(body: FunctionBody, context: SupportContext): void {
    const raised = body.parameter(0);
    const registers = new X87Registers(body, context);
    const control = named(body, registers.control);
    const unmasked = named(body, and(and(raised, STATUS.exceptions), xor(control, -1)));
    // A value that is not stored was not rounded either.
    when(body, and(unmasked, UNSTORABLE), () =>
      body.set(raised, and(raised, ~(RAISED.precision | RAISED.up))),
    );
    registers.setStatus(statusWith(body, registers.status, control, raised));
    when(body, and(unmasked, UNSTORABLE), () => body.return(i32(OUTCOME.prevented)));
    when(body, body.parameter(1), () => body.call(context.indexOf(X87_POP)));
    body.push(select(i32(OUTCOME.pending), i32(OUTCOME.done), unmasked));
  },
};

const storeNarrow = (format: NarrowFormat, narrow: SupportFunction): SupportFunction => ({
  name: `x87-store-${format.name}`,
  parameters: [I32],
  results: [I64, I32],
  emit(body: FunctionBody, context: SupportContext): void {
    const pops = body.parameter(0);
    const registers = new X87Registers(body, context);
    const place = named(body, registers.place(0));
    const mantissa = named(body, registers.mantissa(place));
    const head = named(body, registers.head(place));
    const control = named(body, registers.control);
    const drop = 63 - format.fractionBits;
    const exponent = named(body, sub(exponentOf(head), EXPONENT_BIAS - format.bias));
    const isUsual = eq(and(control, CONTROL.rounding | CONTROL.precision), CONTROL.precision);
    const fits = compare("ltU", sub(exponent, 1), 2 * format.bias - 1);
    const isUsed = named(body, and(registers.isUsed(place), 1));
    when(body, and(and(isUsual, fits), and(isUsed, isNormalised(mantissa))), () => {
      const fraction = named(body, shl(mantissa, 64 - drop));
      const up = named(body, roundsUpToNearest(fraction, mantissa, 2 ** drop));
      const rounded = add(shrU(mantissa, drop), convert(up, I64));
      const signBit = shl(convert(signOf(head), I64), format.bits - 16);
      const placed = shl(convert(sub(exponent, 1), I64), format.fractionBits);
      const raised = or(shl(compare("ne", fraction, 0), 5), shl(up, 9));
      const status = named(body, or(and(registers.status, ~STATUS.c1), raised));
      when(body, pops, () => body.set(status, registers.popped(status)));
      registers.setStatus(status);
      body.return(or(signBit, add(placed, rounded)), i32(OUTCOME.done));
    });
    const raised = named(body, i32(UNDERFLOW));
    const fraction = 1n << BigInt(format.fractionBits - 1);
    const exponentBits = BigInt(2 * format.bias + 1) << BigInt(format.fractionBits);
    const bits = named(body, i64((1n << BigInt(format.bits - 1)) | exponentBits | fraction));
    when(body, isUsed, () => {
      body.call(context.indexOf(narrow), mantissa, head, control);
      body.set(raised);
      body.set(bits);
    });
    body.push(bits);
    body.call(context.indexOf(X87_STORED), raised, pops);
  },
});

/**
 * (pops) -> (bits i64, outcome): ST(0) as a double, to be stored by the caller unless prevented. All else is done: the memory
 * must have been found writable. [SDM2A-3.3 "FST"]
 */
export const X87_STORE_DOUBLE: SupportFunction = storeNarrow(DOUBLE, NARROW_DOUBLE);

/** As {@link X87_STORE_DOUBLE}, for a single. */
export const X87_STORE_SINGLE: SupportFunction = storeNarrow(SINGLE, NARROW_SINGLE);

/** (pops, bits of the integer, truncates) -> (i64, outcome): ST(0) as an integer. [SDM2A-3.3 "FIST" "FISTTP"] */
export const X87_STORE_INTEGER: SupportFunction = {
  name: "x87-store-integer",
  parameters: [I32, I32, I32],
  results: [I64, I32],
  emit(body: FunctionBody, context: SupportContext): void {
    const [pops, bits, truncates] = [0, 1, 2].map((n) => body.parameter(n)) as [Value, Value, Value];
    const registers = new X87Registers(body, context);
    const place = named(body, registers.place(0));
    const raised = named(body, i32(UNDERFLOW));
    const value = named(body, sub(i64(0), shl(i64(1), convert(sub(bits, 1), I64))));
    when(body, and(registers.isUsed(place), 1), () => {
      const control = or(registers.control, select(i32(CONTROL.rounding), i32(0), truncates));
      body.call(
        context.indexOf(NARROW_INTEGER),
        registers.mantissa(place),
        registers.head(place),
        bits,
        control,
      );
      body.set(raised);
      body.set(value);
    });
    body.push(value);
    body.call(context.indexOf(X87_STORED), raised, pops);
  },
};

/** () -> (mantissa, head, outcome): ST(0) as it is, and pops. */
export const X87_STORE_EXTENDED: SupportFunction = {
  name: "x87-store-extended",
  parameters: [],
  results: [I64, I32, I32],
  emit(body: FunctionBody, context: SupportContext): void {
    const registers = new X87Registers(body, context);
    const place = named(body, registers.place(0));
    const isEmpty = named(body, registers.isEmpty(place));
    body.push(select(i64(INDEFINITE.mantissa), registers.mantissa(place), isEmpty));
    body.push(select(i32(INDEFINITE.head), registers.head(place), isEmpty));
    body.call(context.indexOf(X87_STORED), select(i32(UNDERFLOW), i32(0), isEmpty), i32(1));
  },
};

/** () -> (low i64, high i32, outcome): ST(0) as a packed decimal, and pops. [SDM2A-3.3 "FBSTP"] */
export const X87_STORE_DECIMAL: SupportFunction = {
  name: "x87-store-decimal",
  parameters: [],
  results: [I64, I32, I32],
  emit(body: FunctionBody, context: SupportContext): void {
    const registers = new X87Registers(body, context);
    const place = named(body, registers.place(0));
    const low = named(body, i64(3n << 62n));
    const high = named(body, i32(0xffff));
    const raised = named(body, i32(UNDERFLOW));
    when(body, and(registers.isUsed(place), 1), () => {
      const [mantissa, head] = [registers.mantissa(place), registers.head(place)];
      body.call(context.indexOf(NARROW_DECIMAL), mantissa, head, registers.control);
      body.set(raised);
      body.set(high);
      body.set(low);
    });
    body.push(low, high);
    body.call(context.indexOf(X87_STORED), raised, i32(1));
  },
};
