import { and, convert, i64, or, rotl, rotr, shl, shrU, TYPE, type Value } from "@xenolith/wasm-emitter";
import { REGISTER } from "@xenolith/x86-architecture";
import type { Machine } from "../machine/machine.ts";
import { ALL_SIZES, type Definition, DOUBLE_SIZES, exactly, type Meaning, WORD_SIZES } from "./definition.ts";

const movMeaning: Meaning = (m) => m.write(0, m.read(1, "any"));

const extendMeaning =
  (isSigned: boolean): Meaning =>
  (m) =>
    m.write(0, convert(m.read(1, isSigned ? "signed" : "zero"), m.type, isSigned));

const sourceOf =
  (sourceBytes: number) =>
  (sizeBytes: number, position: number): number =>
    position === 1 ? Math.min(sourceBytes, sizeBytes) : sizeBytes;

const leaMeaning: Meaning = (m) => m.write(0, convert(m.offset(), m.type));

const xchgMeaning: Meaning = (m) => {
  const target = m.modify(0);
  const old = m.pin(target.get("any"));
  const replacement = m.pin(m.read(1, "any"));
  target.set(replacement);
  m.write(1, old);
};

/** CBW CWDE CDQE: the accumulator's lower half, sign-extended. */
const cbwMeaning: Meaning = (m) => {
  const half = m.register(REGISTER.rax, m.sizeBytes / 2, "signed");
  m.setRegister(REGISTER.rax, m.sizeBytes, convert(half, m.type, true));
};

/** CWD CDQ CQO: the accumulator's sign in the data register. */
const cwdMeaning: Meaning = (m) => {
  m.setRegister(REGISTER.rdx, m.sizeBytes, m.spreadSign(m.register(REGISTER.rax, m.sizeBytes, "signed")));
};

/** Swaps neighbours of `bits` bits in an i64; `mask` covers the lower one of each pair. */
const swapPairs = (value: Value, bits: number, mask: bigint): Value =>
  or(and(shrU(value, bits), i64(mask)), shl(and(value, i64(mask)), bits));

/** A value with its bytes in the opposite order, 4 or 8. */
export const reversed = (m: Machine, value: Value): Value => {
  if (value.type === TYPE.i32)
    return or(and(rotl(value, 8), 0x00ff_00ff), and(rotr(value, 8), 0xff00_ff00 | 0));
  const bytes = m.pin(swapPairs(value, 8, 0x00ff_00ff_00ff_00ffn));
  return rotl(m.pin(swapPairs(bytes, 16, 0x0000_ffff_0000_ffffn)), 32);
};

const bswapMeaning: Meaning = (m) => m.write(0, reversed(m, m.pin(m.read(0, "zero"))));

/** BSWAP of a 16-bit register is undefined; processors clear it. */
const bswap16Meaning: Meaning = (m) => m.write(0, and(m.read(0), 0));

const nopMeaning: Meaning = () => {};

/** A shift by zero: changes nothing, but its memory must be writable. */
const noShiftMeaning: Meaning = (m) => {
  const target = m.modify(0);
  target.set(target.get("any"));
};

/** MOV MOVZX MOVSX MOVSXD LEA XCHG CBW CWD BSWAP NOP and their relatives. [SDM2B-4.3] */
export const dataMovement: readonly Definition[] = [
  { mnemonic: "mov", sizes: ALL_SIZES, forms: ["rr", "rm", "mr", "ri", "mi"], meaning: movMeaning },
  ...[1, 2].flatMap((source) => [
    {
      mnemonic: "movzx",
      sizes: WORD_SIZES,
      forms: ["rr", "rm"],
      operandBytes: sourceOf(source),
      meaning: extendMeaning(false),
    },
    {
      mnemonic: "movsx",
      sizes: WORD_SIZES,
      forms: ["rr", "rm"],
      operandBytes: sourceOf(source),
      meaning: extendMeaning(true),
    },
  ]),
  {
    mnemonic: "movsxd",
    sizes: (wide) => (wide ? [2, 4, 8] : []),
    forms: ["rr", "rm"],
    operandBytes: sourceOf(4),
    meaning: extendMeaning(true),
  },
  {
    mnemonic: "lea",
    sizes: WORD_SIZES,
    forms: ["rm"],
    operandBytes: (size, position) => (position === 1 ? 0 : size),
    meaning: leaMeaning,
  },
  { mnemonic: "xchg", sizes: ALL_SIZES, forms: ["rr", "mr"], meaning: xchgMeaning },
  { mnemonic: "cbw", sizes: WORD_SIZES, forms: [""], meaning: cbwMeaning },
  { mnemonic: "cwd", sizes: WORD_SIZES, forms: [""], meaning: cwdMeaning },
  { mnemonic: "bswap", sizes: DOUBLE_SIZES, forms: ["r"], meaning: bswapMeaning },
  { mnemonic: "bswap", sizes: exactly(2), forms: ["r"], meaning: bswap16Meaning },
  { mnemonic: "nop", sizes: exactly(4), forms: [""], meaning: nopMeaning },
  { mnemonic: "no-shift", sizes: ALL_SIZES, forms: ["r", "m"], meaning: noShiftMeaning },
];
