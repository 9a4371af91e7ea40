import {
  and,
  compare,
  constant,
  eq,
  type FunctionBody,
  i32,
  isZero,
  ltU,
  ne,
  or,
  select,
  shl,
  TYPE,
  type Value,
} from "@xenolith/wasm-emitter";
import type { SupportFunction } from "../support/support-function.ts";
import { exponentOf, isNormalised, named, raisedHead, when } from "./emit.ts";
import { EXPONENT_MAX, QUIET_BIT, RAISED } from "./format.ts";

const { i32: I32, i64: I64 } = TYPE;
const quietBit = constant(I64, QUIET_BIT);

/** i32: an exponent without an integer bit (pseudo-infinity, pseudo-NaN, unnormal), which no operation takes. [SDM1-8.2.2] */
export const isUnsupported = (mantissa: Value, head: Value): Value =>
  and(ne(exponentOf(head), 0), isZero(isNormalised(mantissa)));

/** i32: not a number. False for what is unsupported only where that was looked at before. */
export const isNan = (mantissa: Value, head: Value): Value =>
  and(eq(exponentOf(head), EXPONENT_MAX), ne(shl(mantissa, 1), 0));

/** i32, of a NaN: signalling. */
export const isSignalling = (mantissa: Value): Value => isZero(and(mantissa, quietBit));

/** A NaN made quiet. */
export const quieted = (mantissa: Value): Value => or(mantissa, quietBit);

/**
 * (mantissa, head, mantissa, head) -> extended: the result of an operation on a NaN and anything supported. A quiet NaN goes
 * before a signalling one; of two alike the larger mantissa wins, then the positive one. [SDM1-4.8.3.5]
 */
export const PROPAGATE_NAN: SupportFunction = {
  name: "propagate-nan",
  parameters: [I64, I32, I64, I32],
  results: [I64, I32],
  emit(body: FunctionBody): void {
    const [a, aHead, b, bHead] = [0, 1, 2, 3].map((n) => body.parameter(n)) as [Value, Value, Value, Value];
    const aIsNan = named(body, isNan(a, aHead));
    const bIsNan = named(body, isNan(b, bHead));
    const aSignals = named(body, and(aIsNan, isSignalling(a)));
    const bSignals = named(body, and(bIsNan, isSignalling(b)));
    const raised = select(i32(raisedHead(RAISED.invalid)), i32(0), or(aSignals, bSignals));
    const takesFirst = named(body, aIsNan);
    when(body, and(aIsNan, bIsNan), () => {
      when(
        body,
        eq(aSignals, bSignals),
        () => {
          const [first, second] = [quieted(a), quieted(b)].map((value) => named(body, value)) as [
            Value,
            Value,
          ];
          const sameMantissa = ltU(and(aHead, 0xffff), and(bHead, 0xffff));
          body.set(takesFirst, select(sameMantissa, compare("gtU", first, second), eq(first, second)));
        },
        () => body.set(takesFirst, bSignals),
      );
    });
    body.push(quieted(select(a, b, takesFirst)));
    body.push(or(and(select(aHead, bHead, takesFirst), 0xffff), raised));
  },
};
