import { constant, convert, eq, or, shl, type Value, xor } from "@xenolith/wasm-emitter";
import { FLAGS_KIND, GIVEN_SHIFT } from "../state/flags.ts";
import { adjustFlag, inversionBits, overflowFlag } from "./conditions.ts";
import type { Machine } from "./machine.ts";

/** Changes CF and keeps all others. `carry` is i32 and pinned. */
export const replaceCarry = (m: Machine, carry: Value): void => {
  const others = or(
    or(shl(overflowFlag(m.flags), GIVEN_SHIFT.of), shl(adjustFlag(m.flags), GIVEN_SHIFT.af)),
    inversionBits(m.flags),
  );
  const given = m.pin(or(carry, others));
  m.setFlags(FLAGS_KIND.given, constant(m.addressType, 0), convert(given, m.addressType), m.flags.result);
};

/** Six flags as i32 values of 0 or 1, all pinned. */
export interface SixFlags {
  readonly carry: Value;
  readonly parity: Value;
  readonly adjust: Value;
  readonly zero: Value;
  readonly sign: Value;
  readonly overflow: Value;
}

/** Sets the six flags one by one. The result they are kept with is 0 for ZF, else 1: see `encodeFlags`. */
export const setSixFlags = (m: Machine, flags: SixFlags): void => {
  const parityInverted = xor(flags.parity, flags.zero);
  const given = [
    shl(flags.overflow, GIVEN_SHIFT.of),
    shl(flags.adjust, GIVEN_SHIFT.af),
    shl(flags.sign, GIVEN_SHIFT.signInverted),
    shl(parityInverted, GIVEN_SHIFT.parityInverted),
  ].reduce(or, flags.carry);
  const result = eq(flags.zero, 0);
  m.setFlags(
    FLAGS_KIND.given,
    constant(m.addressType, 0),
    convert(given, m.addressType),
    convert(result, m.addressType),
  );
};
