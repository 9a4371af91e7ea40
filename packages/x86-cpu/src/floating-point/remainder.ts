import {
  add,
  and,
  clz,
  compare,
  convert,
  eq,
  type FunctionBody,
  gtU,
  i32,
  i64,
  isZero,
  or,
  select,
  shl,
  shrU,
  sub,
  TYPE,
  type Value,
  xor,
} from "@xenolith/wasm-emitter";
import type { SupportContext, SupportFunction } from "../support/support-function.ts";
import {
  isInfinite,
  isNothing,
  normaliseOperand,
  returnIfDenormalStops,
  returnZero,
  roundInto,
  takeTwoOperands,
} from "./arithmetic.ts";
import { divide128 } from "./divide.ts";
import { named, returnIndefinite, when, wideCount } from "./emit.ts";
import { CONTROL, RAISED, RAISED_SHIFT } from "./format.ts";

const { i32: I32, i64: I64 } = TYPE;

/** Condition codes that tell the last three bits of a quotient: bit 2 in C0, bit 1 in C3, bit 0 in C1. */
const quotientCodes = (quotient: Value): Value => {
  const bits = convert(quotient, I32);
  const bit0 = shl(and(bits, 1), 9);
  const bit1 = shl(and(bits, 2), 13);
  const bit2 = shl(and(bits, 4), 6);
  return or(or(bit0, bit1), bit2);
};

const remainder = (name: string, isNearest: boolean): SupportFunction => ({
  name,
  parameters: [I64, I32, I64, I32, I32],
  results: [I64, I32],
  emit(body: FunctionBody, context: SupportContext): void {
    const { first, second, control } = takeTwoOperands(body, context);
    const { mantissa: a } = first;
    const { mantissa: b } = second;
    const raised = named(body, i32(0));
    when(body, or(isInfinite(first), isNothing(second)), () => returnIndefinite(body));
    normaliseOperand(body, first, raised);
    normaliseOperand(body, second, raised);
    returnIfDenormalStops(body, control, raised);
    const full = named(body, or(control, CONTROL.mantissa64));
    when(body, isNothing(first), () => returnZero(body, first.sign, or(raised, RAISED.codes)));
    when(body, isInfinite(second), () => {
      const all = or(raised, RAISED.codes);
      roundInto(body, context, first.sign, first.exponent, a, i64(0), full, all);
      body.return();
    });
    const distance = named(body, sub(first.exponent, second.exponent));
    const exponent = named(body, second.exponent);
    const quotient = named(body, i64(0));
    const rest = named(body, a);
    const unnormalised = body.block();
    when(body, compare("ltS", distance, 0), () => {
      body.set(exponent, first.exponent);
      if (isNearest) {
        // Between half and all of the divisor: the next multiple may be nearer.
        when(body, and(eq(distance, -1), gtU(a, b)), () => {
          body.set(rest, sub(shl(b, 1), a));
          body.set(first.sign, xor(first.sign, 0x8000));
          body.set(quotient, i64(1));
        });
      }
      body.branch(unnormalised);
    });
    const steps = named(body, distance);
    when(body, compare("geS", distance, 64), () => {
      body.set(steps, or(and(distance, 31), 32));
      body.set(exponent, add(exponent, sub(distance, steps)));
      body.set(raised, or(raised, RAISED.partial));
    });
    const count = named(body, wideCount(steps));
    body.set(rest, upperHalf(a, count));
    body.set(quotient, divide128(body, rest, shl(a, count), b));
    if (isNearest) {
      const isNearer = or(
        gtU(rest, sub(b, rest)),
        and(eq(rest, sub(b, rest)), convert(and(quotient, 1), I32)),
      );
      when(body, and(compare("ltS", distance, 64), isNearer), () => {
        body.set(rest, sub(b, rest));
        body.set(first.sign, xor(first.sign, 0x8000));
        body.set(quotient, add(quotient, 1));
      });
    }
    body.end();
    const codes = select(i32(0), quotientCodes(quotient), and(raised, RAISED.partial));
    body.set(raised, or(or(raised, codes), RAISED.codes));
    when(body, isZero(rest), () => body.return(i64(0), or(first.sign, shl(raised, RAISED_SHIFT))));
    const shift = named(body, clz(rest));
    body.set(rest, shl(rest, shift));
    body.set(exponent, sub(exponent, convert(shift, I32)));
    roundInto(body, context, first.sign, exponent, rest, i64(0), full, raised);
  },
});

/** `a >> (64 - count)` for a count of 0 to 63: the upper half of a mantissa shifted left. */
const upperHalf = (a: Value, count: Value): Value => shrU(shrU(a, 1), sub(i64(63), count));

/**
 * (mantissa, head, mantissa, head, control) -> extended: the remainder of a division whose quotient is cut to an integer. The
 * head carries the quotient's last bits as C0, C3 and C1; C2 says that the reduction is not complete. [SDM2A-3.3 "FPREM"]
 */
export const REMAINDER: SupportFunction = remainder("extended-remainder", false);

/** As {@link REMAINDER}, with the quotient rounded to nearest. [SDM2A-3.3 "FPREM1"] */
export const NEAREST_REMAINDER: SupportFunction = remainder("extended-nearest-remainder", true);
