import {
  and,
  type ComparisonName,
  compare,
  eq,
  type FunctionBody,
  i32,
  isZero,
  ltU,
  ne,
  or,
  popcnt,
  select,
  shrU,
  TYPE,
  type Value,
  type ValueType,
  wrap,
  xor,
} from "@xenolith/wasm-emitter";
import { FLAGS_KIND, type FlagsKind, GIVEN_SHIFT } from "../state/flags.ts";

/** The lazy flags as values. `kind` is null where it is known only at run time; then `dynamicKind` holds it. */
export interface FlagValues {
  readonly kind: FlagsKind | null;
  readonly dynamicKind: Value;
  readonly a: Value;
  readonly b: Value;
  readonly result: Value;
}

/** What conditions need of a machine. */
export interface FlagReader {
  readonly flags: FlagValues;
  readonly body: FunctionBody;
  temporary(type: ValueType): Value;
}

const topBit = (value: Value): Value => (value.type === TYPE.i64 ? wrap(shrU(value, 63)) : shrU(value, 31));
const bit = (value: Value, position: number): Value => and(shrU(wrap(value), position), 1);
const invert = (value: Value): Value => xor(value, -1);
const zero = i32(0);

const isKind = (flags: FlagValues, kind: FlagsKind): Value => eq(flags.dynamicKind, kind);

/** Picks by kind: `cases` in order, else `otherwise`. Static where the kind is known. */
const byKind = (
  flags: FlagValues,
  cases: readonly (readonly [FlagsKind, () => Value])[],
  otherwise: () => Value,
): Value => {
  if (flags.kind !== null) {
    for (const [kind, value] of cases) if (kind === flags.kind) return value();
    return otherwise();
  }
  let chosen = otherwise();
  for (const [kind, value] of cases.toReversed()) chosen = select(value(), chosen, isKind(flags, kind));
  return chosen;
};

const { logic, subtract, add, increment, decrement, given } = FLAGS_KIND;

/** CF as i32. For kinds `logic` and `given` bit 0 of b; `logic` keeps b at zero. */
export const carryFlag = (flags: FlagValues): Value => {
  if (flags.kind === logic) return zero;
  return byKind(
    flags,
    [
      [subtract, () => ltU(flags.a, flags.b)],
      [add, () => ltU(flags.result, flags.a)],
    ],
    () => bit(flags.b, GIVEN_SHIFT.cf),
  );
};

/** OF as i32. */
export const overflowFlag = (flags: FlagValues): Value => {
  const { a, b, result } = flags;
  if (flags.kind === logic) return zero;
  return byKind(
    flags,
    [
      [subtract, () => topBit(and(xor(a, b), xor(a, result)))],
      [add, () => topBit(and(xor(a, result), xor(b, result)))],
      [increment, () => topBit(and(result, invert(a)))],
      [decrement, () => topBit(and(a, invert(result)))],
    ],
    () => bit(b, GIVEN_SHIFT.of),
  );
};

/** AF as i32. */
export const adjustFlag = (flags: FlagValues): Value => {
  const { a, b, result } = flags;
  if (flags.kind === logic) return zero;
  const ofThree = (): Value => bit(xor(xor(a, b), result), 4);
  const ofTwo = (): Value => bit(xor(a, result), 4);
  return byKind(
    flags,
    [
      [subtract, ofThree],
      [add, ofThree],
      [increment, ofTwo],
      [decrement, ofTwo],
    ],
    () => bit(b, GIVEN_SHIFT.af),
  );
};

/** ZF as i32. */
export const zeroFlag = (flags: FlagValues): Value => isZero(flags.result);

/** Flips a flag where kind `given` says so. */
const corrected = (flags: FlagValues, plain: Value, position: number): Value => {
  if (flags.kind !== null && flags.kind !== given) return plain;
  const inversion = bit(flags.b, position);
  if (flags.kind === given) return xor(plain, inversion);
  return xor(plain, and(inversion, isKind(flags, given)));
};

/** SF as i32. */
export const signFlag = (flags: FlagValues): Value =>
  corrected(flags, topBit(flags.result), GIVEN_SHIFT.signInverted);

/** PF as i32: of the low byte. */
export const parityFlag = (flags: FlagValues): Value => {
  const odd = and(popcnt(and(wrap(flags.result), 0xff)), 1);
  return corrected(flags, xor(odd, 1), GIVEN_SHIFT.parityInverted);
};

/** Bits of operand b of kind `given` that correct sign and parity of the present result. */
export const inversionBits = (flags: FlagValues): Value => {
  const bits = and(wrap(flags.b), (1 << GIVEN_SHIFT.signInverted) | (1 << GIVEN_SHIFT.parityInverted));
  if (flags.kind === given) return bits;
  return flags.kind === null ? select(bits, zero, isKind(flags, given)) : zero;
};

type Plain = (flags: FlagValues) => Value;
const signDiffers: Plain = (flags) => xor(signFlag(flags), overflowFlag(flags));

/** The even conditions; the odd ones are their opposites. */
const PLAIN: readonly Plain[] = [
  overflowFlag,
  carryFlag,
  zeroFlag,
  (flags) => or(carryFlag(flags), zeroFlag(flags)),
  signFlag,
  parityFlag,
  signDiffers,
  (flags) => or(signDiffers(flags), zeroFlag(flags)),
];

/** After a comparison these conditions are single instructions on its operands, by encoding. */
const AFTER_SUBTRACT: Readonly<Record<number, ComparisonName>> = {
  2: "ltU",
  3: "geU",
  6: "leU",
  7: "gtU",
  12: "ltS",
  13: "geS",
  14: "leS",
  15: "gtS",
};

const plainCondition = (flags: FlagValues, encoding: number): Value => {
  const plain = PLAIN[encoding >> 1] ?? zeroFlag;
  if (encoding === 5) return ne(flags.result, 0);
  return encoding & 1 ? isZero(plain(flags)) : plain(flags);
};

/**
 * Condition by its encoding [SDM1-B], as i32. Where the kind of flags is known only at run time, a comparison is tried first:
 * it is by far the most frequent.
 */
export const conditionOf = (machine: FlagReader, encoding: number): Value => {
  const { flags, body } = machine;
  const comparison = AFTER_SUBTRACT[encoding];
  if (comparison !== undefined && flags.kind === subtract) return compare(comparison, flags.a, flags.b);
  if (comparison === undefined || flags.kind !== null) return plainCondition(flags, encoding);
  const outcome = machine.temporary(TYPE.i32);
  body.if(isKind(flags, subtract));
  body.set(outcome, compare(comparison, flags.a, flags.b));
  body.else();
  body.set(outcome, plainCondition(flags, encoding));
  body.end();
  return outcome;
};
