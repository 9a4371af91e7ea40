import {
  and,
  arithmetic as binary,
  constant,
  convert,
  i64,
  or,
  rotl,
  rotr,
  shl,
  shrS,
  shrU,
  sub,
  TYPE,
  type Value,
  wrap,
  xor,
} from "@xenolith/wasm-emitter";
import { adjustFlag, carryFlag, inversionBits } from "../machine/conditions.ts";
import type { Machine, Place } from "../machine/machine.ts";
import { FLAGS_KIND, GIVEN_SHIFT } from "../state/flags.ts";
import { ALL_SIZES, type Definition, type Meaning, WORD_SIZES } from "./definition.ts";

type ShiftBody = (m: Machine, target: Place, count: Value) => void;

const lowBit = (value: Value): Value => and(wrap(value), 1);

const setShiftFlags = (m: Machine, result: Value, carry: Value, overflow: Value): void => {
  const given = or(carry, shl(overflow, GIVEN_SHIFT.of));
  m.setFlags(FLAGS_KIND.given, constant(m.type, 0), convert(given, m.type), result);
};

/** Rotations change CF and OF only: the result they are kept with is that of before. */
const setRotationFlags = (m: Machine, carry: Value, overflow: Value): void => {
  const kept = or(shl(adjustFlag(m.flags), GIVEN_SHIFT.af), inversionBits(m.flags));
  const given = m.pin(or(or(carry, shl(overflow, GIVEN_SHIFT.of)), kept));
  m.setFlags(FLAGS_KIND.given, constant(m.type, 0), convert(given, m.type), m.flags.result);
};

/** The last bit shifted out on the left is the top bit one step before. */
const shlBody: ShiftBody = (m, target, count) => {
  const a = m.pin(target.get());
  const result = m.pin(m.extend(shl(a, count)));
  target.set(result);
  const carry = m.pin(m.bit(shl(a, sub(count, 1)), m.bits - 1));
  setShiftFlags(m, result, carry, xor(m.topBit(result), carry));
};

const shrBody: ShiftBody = (m, target, count) => {
  const a = m.pin(target.get("zero"));
  const result = m.pin(m.extend(shrU(a, count)));
  target.set(result);
  setShiftFlags(m, result, lowBit(shrU(a, sub(count, 1))), m.bit(a, m.bits - 1));
};

const sarBody: ShiftBody = (m, target, count) => {
  const a = m.pin(target.get());
  const result = m.pin(shrS(a, count));
  target.set(result);
  setShiftFlags(m, result, lowBit(shrS(a, sub(count, 1))), constant(TYPE.i32, 0));
};

/** Rotation of a zero-extended value within the operation's bits. */
const rotated = (m: Machine, a: Value, count: Value, left: boolean): Value => {
  if (m.sizeBytes >= 4) return left ? rotl(a, count) : rotr(a, count);
  const inside = m.pin(and(count, m.bits - 1));
  const other = sub(m.bits, inside);
  return m.extend(left ? or(shl(a, inside), shrU(a, other)) : or(shrU(a, inside), shl(a, other)));
};

const rolBody: ShiftBody = (m, target, count) => {
  const result = m.pin(rotated(m, m.pin(target.get("zero")), count, true));
  target.set(result);
  setRotationFlags(m, lowBit(result), xor(m.topBit(result), lowBit(result)));
};

const rorBody: ShiftBody = (m, target, count) => {
  const result = m.pin(rotated(m, m.pin(target.get("zero")), count, false));
  target.set(result);
  setRotationFlags(m, m.topBit(result), xor(m.topBit(result), m.bit(result, m.bits - 2)));
};

/** Rotations through carry: the count is taken modulo bits + 1, and nothing happens when that is zero. */
const throughCarry =
  (left: boolean): ShiftBody =>
  (m, target, count) => {
    const steps = m.sizeBytes < 4 ? m.pin(binary("remU", count, m.bits + 1)) : count;
    const rotate = (): void => {
      const a = m.pin(target.get("zero"));
      const carryIn = convert(carryFlag(m.flags), m.type);
      const rest = m.pin(sub(m.bits, steps));
      const before = sub(steps, 1);
      const moved = left
        ? or(or(shl(a, steps), shl(carryIn, before)), shrU(shrU(a, 1), rest))
        : or(or(shrU(a, steps), shl(carryIn, rest)), shl(shl(a, 1), rest));
      const result = m.pin(m.extend(moved));
      const carry = m.pin(left ? m.bit(a, rest) : lowBit(shrU(a, before)));
      target.set(result);
      const overflow = left ? xor(m.topBit(result), carry) : xor(m.topBit(result), m.bit(result, m.bits - 2));
      setRotationFlags(m, carry, overflow);
    };
    if (m.sizeBytes < 4) m.when(m.isNotZero(steps), rotate);
    else rotate();
  };

/** The count: an immediate is never zero here (see `no-shift`), CL may be. */
const counted =
  (body: ShiftBody, countPosition: number, mask: (m: Machine) => number): Meaning =>
  (m) => {
    const target = m.modify(0);
    const count = m.pin(and(convert(m.read(countPosition, "zero"), m.type), mask(m)));
    if (m.isOperand(countPosition, "immediate")) {
      body(m, target, count);
      return;
    }
    if (m.shape.wide && m.sizeBytes === 4 && m.isOperand(0, "register")) target.set(target.get("any"));
    m.when(m.isNotZero(count), () => body(m, target, count));
  };

const usualMask = (m: Machine): number => (m.sizeBytes === 8 ? 63 : 31);

const shift = (mnemonic: string, body: ShiftBody): Definition => ({
  mnemonic,
  sizes: ALL_SIZES,
  forms: ["ri", "mi", "rr", "mr"],
  operandBytes: (size, position) => (position === 1 ? 1 : size),
  meaning: counted(body, 1, usualMask),
});

/**
 * Both operands side by side in one wider value, so that a shift moves bits from one into the other. A 16-bit shift by more
 * than 16 goes on with the destination's own bits, as processors do: there are three elements then.
 */
const doubleShiftNarrow =
  (left: boolean): ShiftBody =>
  (m, target, count) => {
    const a = m.pin(target.get());
    const b = m.pin(m.read(1, "zero"));
    const by = m.pin(convert(count, TYPE.i64));
    const isWord = m.sizeBytes === 2;
    const pair = or(shl(zeroExtended(m, left ? a : b), m.bits), zeroExtended(m, left ? b : a));
    const row = m.pin(isWord ? withThird(m, pair, a, left) : pair);
    const width = isWord ? 48 : 64;
    const shifted = left ? shrU(row, sub(i64(width - m.bits), by)) : shrU(row, by);
    const result = m.pin(m.extend(wrap(shifted)));
    const carry = left ? m.bit(row, sub(i64(width), by)) : lowBit(shrU(row, sub(by, 1)));
    finishDoubleShift(m, target, a, result, m.pin(carry));
  };

const zeroExtended = (m: Machine, value: Value): Value =>
  and(convert(value, TYPE.i64), m.sizeBytes === 2 ? 0xffff : 0xffff_ffff);

const withThird = (m: Machine, pair: Value, third: Value, left: boolean): Value =>
  left ? or(shl(pair, 16), zeroExtended(m, third)) : or(pair, shl(zeroExtended(m, third), 32));

const doubleShiftWide =
  (left: boolean): ShiftBody =>
  (m, target, count) => {
    const a = m.pin(target.get());
    const b = m.pin(m.read(1));
    const rest = sub(i64(64), count);
    const result = m.pin(left ? or(shl(a, count), shrU(b, rest)) : or(shrU(a, count), shl(b, rest)));
    const carry = left ? m.bit(a, rest) : lowBit(shrU(a, sub(count, 1)));
    finishDoubleShift(m, target, a, result, m.pin(carry));
  };

const finishDoubleShift = (m: Machine, target: Place, a: Value, result: Value, carry: Value): void => {
  target.set(result);
  setShiftFlags(m, result, carry, m.topBit(xor(result, a)));
};

const doubleShift = (mnemonic: string, left: boolean): Definition => ({
  mnemonic,
  sizes: WORD_SIZES,
  forms: ["rri", "mri", "rrr", "mrr"],
  operandBytes: (size, position) => (position === 2 ? 1 : size),
  meaning: (m) =>
    counted(m.sizeBytes === 8 ? doubleShiftWide(left) : doubleShiftNarrow(left), 2, usualMask)(m),
});

/** Shifts and rotations. [SDM2B-4.3 "SAL/SAR/SHL/SHR", "RCL/RCR/ROL/ROR", "SHLD", "SHRD"] */
export const shifts: readonly Definition[] = [
  shift("shl", shlBody),
  shift("shr", shrBody),
  shift("sar", sarBody),
  shift("rol", rolBody),
  shift("ror", rorBody),
  shift("rcl", throughCarry(true)),
  shift("rcr", throughCarry(false)),
  doubleShift("shld", true),
  doubleShift("shrd", false),
];
