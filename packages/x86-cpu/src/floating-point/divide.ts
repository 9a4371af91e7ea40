import {
  add,
  and,
  arithmetic,
  compare,
  type FunctionBody,
  gtU,
  mul,
  or,
  shl,
  shrU,
  sub,
  type Value,
} from "@xenolith/wasm-emitter";
import { named } from "./emit.ts";

const HALF = 0xffff_ffff;

/** One digit of 32 bits: `(high * 2^32 + next) / divisor` for high < divisor; leaves the rest of it in `high`. */
const digit = (
  body: FunctionBody,
  high: Value,
  next: Value,
  divisor: Value,
  upper: Value,
  lower: Value,
): Value => {
  const quotient = named(body, arithmetic("divU", high, upper));
  const rest = named(body, sub(high, mul(quotient, upper)));
  // The estimate is at most two too large. [TAOCP2 4.3.1 D]
  const done = body.block();
  for (let correction = 0; correction < 2; correction++) {
    const isRight = compare("leU", mul(quotient, lower), or(shl(rest, 32), next));
    if (correction === 0) body.branchIf(done, and(compare("leU", quotient, HALF), isRight));
    else body.branchIf(done, or(gtU(rest, HALF), and(compare("leU", quotient, HALF), isRight)));
    body.set(quotient, sub(quotient, 1));
    body.set(rest, add(rest, upper));
  }
  body.end();
  body.set(high, sub(or(shl(high, 32), next), mul(quotient, divisor)));
  return quotient;
};

/**
 * Divides 128 by 64 bits for high < divisor and a divisor with bit 63 set.
 * @returns the quotient; `high` holds the remainder afterwards.
 */
export const divide128 = (body: FunctionBody, high: Value, low: Value, divisor: Value): Value => {
  const upper = named(body, shrU(divisor, 32));
  const lower = named(body, and(divisor, HALF));
  const first = digit(body, high, shrU(low, 32), divisor, upper, lower);
  const second = digit(body, high, and(low, HALF), divisor, upper, lower);
  return named(body, or(shl(first, 32), second));
};
