import {
  add,
  and,
  compare,
  convert,
  i32,
  isZero,
  ne,
  or,
  shl,
  shrU,
  sub,
  type Value,
  xor,
} from "@xenolith/wasm-emitter";
import { REGISTER } from "@xenolith/x86-architecture";
import type { Machine } from "../machine/machine.ts";
import { FLAGS_KIND } from "../state/flags.ts";
import { ALL_SIZES, type Definition } from "./definition.ts";

const { rax, rcx, rsi, rdi } = REGISTER;

/** Position of DF in EFLAGS. */
const DIRECTION_BIT = 10;
/** Fewer iterations than this are done one by one. */
const BULK_ITERATIONS = 8;

/**
 * Changes the bits of a register that the address size uses. 16-bit addresses keep the others; in 64-bit code, 32-bit ones
 * clear them, as all 32-bit results do.
 */
const replaceMasked = (m: Machine, index: number, mask: Value, value: (old: Value) => Value): void => {
  const old = m.pin(m.toAddress(m.register(index, m.wordBytes, "zero")));
  const changed = and(value(old), mask);
  m.setRegister(index, m.wordBytes, m.shape.wide ? changed : or(and(old, xor(mask, -1)), changed));
};

/** Moves index registers by one element, down when DF is set. */
const advance = (m: Machine, ...indices: readonly number[]): void => {
  const log = Math.log2(m.sizeBytes);
  const twiceWhenDown = shl(and(shrU(m.systemFlags(), DIRECTION_BIT), 1), log + 1);
  const step = m.pin(convert(sub(i32(m.sizeBytes), twiceWhenDown), m.addressType, true));
  const mask = m.pin(m.stringMask());
  for (const index of indices) replaceMasked(m, index, mask, (old) => add(old, step));
};

/** One iteration. Returns the result that REPE and REPNE look at, where there is one. */
type Iteration = (m: Machine) => Value | null;

const movsIteration: Iteration = (m) => {
  const value = m.load(m.sizeBytes, m.stringSource());
  m.store(m.sizeBytes, m.stringDestination(), value);
  advance(m, rsi, rdi);
  return null;
};

const stosIteration: Iteration = (m) => {
  m.store(m.sizeBytes, m.stringDestination(), m.register(rax, m.sizeBytes));
  advance(m, rdi);
  return null;
};

const lodsIteration: Iteration = (m) => {
  m.setRegister(rax, m.sizeBytes, m.load(m.sizeBytes, m.stringSource()));
  advance(m, rsi);
  return null;
};

const compareElements = (m: Machine, a: Value, b: Value): Value => {
  const result = m.pin(m.extend(sub(a, b)));
  m.setFlags(FLAGS_KIND.subtract, a, b, result);
  return result;
};

const scasIteration: Iteration = (m) => {
  const b = m.load(m.sizeBytes, m.stringDestination(), "signed");
  const result = compareElements(m, m.pin(m.register(rax, m.sizeBytes, "signed")), b);
  advance(m, rdi);
  return result;
};

const cmpsIteration: Iteration = (m) => {
  const a = m.load(m.sizeBytes, m.stringSource(), "signed");
  const b = m.load(m.sizeBytes, m.stringDestination(), "signed");
  const result = compareElements(m, a, b);
  advance(m, rsi, rdi);
  return result;
};

const once =
  (iteration: Iteration) =>
  (m: Machine): void => {
    iteration(m);
  };

/**
 * Repeats while the counter is not zero and, for comparisons, ZF is as the prefix wants it. Each iteration is an instruction
 * boundary. [SDM2B-4.3 "REP"]
 */
const repeated =
  (iteration: Iteration, whileEqual: boolean, mayBeBulk: boolean) =>
  (m: Machine): void => {
    const mask = m.pin(m.stringMask());
    const count = m.pin(and(m.toAddress(m.register(rcx, m.wordBytes, "zero")), mask));
    m.finishIf(isZero(count));
    if (mayBeBulk) m.bulkIf(compare("geU", count, BULK_ITERATIONS));
    const result = iteration(m);
    const rest = m.pin(and(sub(count, 1), mask));
    replaceMasked(m, rcx, mask, () => rest);
    const isNotLast = ne(rest, 0);
    if (result === null) m.repeatIf(isNotLast);
    else m.repeatIf(and(isNotLast, whileEqual ? isZero(result) : ne(result, 0)));
  };

/** A repeated string instruction is a form of its own: mnemonic with prefix. */
export const repeatedMnemonic = (mnemonic: string, prefix: "rep" | "repne"): string =>
  `${prefix}-${mnemonic}`;

const stringForms = (mnemonic: string, iteration: Iteration, compares: boolean): readonly Definition[] => {
  const bulk = mnemonic === "movs" || mnemonic === "stos";
  const forms: Definition[] = [
    { mnemonic, sizes: ALL_SIZES, forms: [""], meaning: once(iteration) },
    {
      mnemonic: repeatedMnemonic(mnemonic, "rep"),
      sizes: ALL_SIZES,
      forms: [""],
      meaning: repeated(iteration, true, bulk),
    },
  ];
  if (compares) {
    forms.push({
      mnemonic: repeatedMnemonic(mnemonic, "repne"),
      sizes: ALL_SIZES,
      forms: [""],
      meaning: repeated(iteration, false, false),
    });
  }
  return forms;
};

/** MOVS STOS LODS SCAS CMPS, alone and repeated. [SDM2A-3.2] [SDM2B-4.3] */
export const strings: readonly Definition[] = [
  ...stringForms("movs", movsIteration, false),
  ...stringForms("stos", stosIteration, false),
  ...stringForms("lods", lodsIteration, false),
  ...stringForms("scas", scasIteration, true),
  ...stringForms("cmps", cmpsIteration, true),
];
