import {
  add,
  and,
  arithmetic,
  convert,
  type FunctionBody,
  gtU,
  i32,
  i64,
  isZero,
  mul,
  or,
  shl,
  shrU,
  sub,
  TYPE,
  type Value,
} from "@xenolith/wasm-emitter";
import type { SupportContext, SupportFunction } from "../support/support-function.ts";
import { named, signOf, taken, when } from "./emit.ts";
import { EXTEND_INTEGER } from "./extend.ts";
import { RAISED } from "./format.ts";
import { ROUND_MAGNITUDE } from "./narrow.ts";

const { i32: I32, i64: I64 } = TYPE;

const DIGITS = 18;
const LARGEST = 10n ** BigInt(DIGITS) - 1n;

/** (low 8 bytes i64, high 2 bytes i32) -> extended: 18 packed decimal digits and a sign. [SDM1-4.7] */
export const EXTEND_DECIMAL: SupportFunction = {
  name: "extend-decimal",
  parameters: [I64, I32],
  results: [I64, I32],
  emit(body: FunctionBody, context: SupportContext): void {
    const low = body.parameter(0);
    const high = body.parameter(1);
    const total = named(body, convert(add(mul(and(shrU(high, 4), 15), 10), and(high, 15)), I64));
    const position = named(body, i64(60));
    const next = body.loop();
    body.set(total, add(mul(total, 10), and(shrU(low, position), 15)));
    body.set(position, sub(position, 4));
    body.branchIf(next, isZero(isNegative(position)));
    body.end();
    body.call(context.indexOf(EXTEND_INTEGER), total);
    const [mantissa, head] = taken(body, I64, I32);
    body.push(mantissa, or(head, and(high, 0x8000)));
  },
};

const isNegative = (value: Value): Value => convert(shrU(value, 63), I32);

/**
 * (mantissa, head, control) -> (low 8 bytes i64, high 2 bytes i32, raised): an extended value as packed decimal; what does not
 * fit raises `invalid` and gives the indefinite. [SDM2A-3.3 "FBSTP"]
 */
export const NARROW_DECIMAL: SupportFunction = {
  name: "narrow-decimal",
  parameters: [I64, I32, I32],
  results: [I64, I32, I32],
  emit(body: FunctionBody, context: SupportContext): void {
    const [mantissa, head, control] = [0, 1, 2].map((n) => body.parameter(n)) as [Value, Value, Value];
    body.call(context.indexOf(ROUND_MAGNITUDE), mantissa, head, control);
    const [rest, raised] = taken(body, I64, I32);
    when(body, or(and(raised, RAISED.invalid), gtU(rest, i64(LARGEST))), () =>
      body.return(i64(3n << 62n), i32(0xffff), i32(RAISED.invalid)),
    );
    const low = named(body, i64(0));
    const position = named(body, i64(0));
    const next = body.loop();
    body.set(low, or(low, shl(arithmetic("remU", rest, i64(10)), position)));
    body.set(rest, arithmetic("divU", rest, i64(10)));
    body.set(position, add(position, 4));
    body.branchIf(next, gtU(i64(64), position));
    body.end();
    const top = named(body, convert(rest, I32));
    const tens = arithmetic("divU", top, i32(10));
    const units = arithmetic("remU", top, i32(10));
    body.push(low, or(signOf(head), or(shl(tens, 4), units)), raised);
  },
};
