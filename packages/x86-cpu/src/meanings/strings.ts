import {
  add,
  and,
  convert,
  i32,
  isZero,
  mul,
  ne,
  type Operand,
  or,
  shl,
  shrU,
  sub,
  TYPE,
  type Value,
  xor,
} from "@xenolith/wasm-emitter";
import { REGISTER } from "@xenolith/x86-architecture";
import type { Machine } from "../machine/machine.ts";
import { FLAGS_KIND } from "../state/flags.ts";
import { COPY_ELEMENTS, COPY_ELEMENTS_WIDE } from "../support/strings/copy-elements.ts";
import { FILL_ELEMENTS, FILL_ELEMENTS_WIDE } from "../support/strings/fill-elements.ts";
import type { SupportFunction } from "../support/support-function.ts";
import { ALL_SIZES, type Definition } from "./definition.ts";

const { rax, rcx, rsi, rdi } = REGISTER;

/** Position of DF in EFLAGS. */
const DIRECTION_BIT = 10;
/**
 * Changes the bits of a register that the address size uses. 16-bit addresses keep the others; in 64-bit code, 32-bit ones
 * clear them, as all 32-bit results do.
 */
const replaceMasked = (m: Machine, index: number, mask: Value, value: (old: Value) => Value): void => {
  const old = m.pin(m.toAddress(m.register(index, m.wordBytes, "zero")));
  const changed = and(value(old), mask);
  m.setRegister(index, m.wordBytes, m.shape.wide ? changed : or(and(old, xor(mask, -1)), changed));
};

/** Moves index registers by so many elements, down when DF is set. */
const advance = (m: Machine, indices: readonly number[], elements: Operand = 1): void => {
  const log = Math.log2(m.sizeBytes);
  const twiceWhenDown = shl(and(shrU(m.systemFlags(), DIRECTION_BIT), 1), log + 1);
  const distance = mul(sub(i32(m.sizeBytes), twiceWhenDown), elements);
  const step = m.pin(convert(distance, m.addressType, true));
  const mask = m.pin(m.stringMask());
  for (const index of indices) replaceMasked(m, index, mask, (old) => add(old, step));
};

/** One iteration. Returns the result that REPE and REPNE look at, where there is one. */
type Iteration = (m: Machine) => Value | null;

/** Does at most so many iterations at once and returns how many; and the index registers that they move. */
interface Bulk {
  readonly run: (m: Machine, most: Value) => Value;
  readonly indices: readonly number[];
}

const callOne = (m: Machine, support: SupportFunction, ...values: readonly Value[]): Value =>
  m.call(support, ...values)[0] ?? i32(0);

const movsBulk: Bulk = {
  run: (m, most) =>
    callOne(
      m,
      m.shape.wide ? COPY_ELEMENTS_WIDE : COPY_ELEMENTS,
      m.stringSource(),
      m.stringDestination(),
      most,
      i32(Math.log2(m.sizeBytes)),
      m.ownRecord(),
    ),
  indices: [rsi, rdi],
};

const stosBulk: Bulk = {
  run: (m, most) =>
    callOne(
      m,
      m.shape.wide ? FILL_ELEMENTS_WIDE : FILL_ELEMENTS,
      convert(m.register(rax, m.sizeBytes, "zero"), TYPE.i64),
      m.stringDestination(),
      most,
      i32(Math.log2(m.sizeBytes)),
      m.ownRecord(),
    ),
  indices: [rdi],
};

const movsIteration: Iteration = (m) => {
  const value = m.load(m.sizeBytes, m.stringSource());
  m.store(m.sizeBytes, m.stringDestination(), value);
  advance(m, [rsi, rdi]);
  return null;
};

const stosIteration: Iteration = (m) => {
  m.store(m.sizeBytes, m.stringDestination(), m.register(rax, m.sizeBytes));
  advance(m, [rdi]);
  return null;
};

const lodsIteration: Iteration = (m) => {
  m.setRegister(rax, m.sizeBytes, m.load(m.sizeBytes, m.stringSource()));
  advance(m, [rsi]);
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
  advance(m, [rdi]);
  return result;
};

const cmpsIteration: Iteration = (m) => {
  const a = m.load(m.sizeBytes, m.stringSource(), "signed");
  const b = m.load(m.sizeBytes, m.stringDestination(), "signed");
  const result = compareElements(m, a, b);
  advance(m, [rsi, rdi]);
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
  (iteration: Iteration, whileEqual: boolean, bulk: Bulk | null) =>
  (m: Machine): void => {
    const mask = m.pin(m.stringMask());
    const count = m.pin(and(m.toAddress(m.register(rcx, m.wordBytes, "zero")), mask));
    m.finishIf(isZero(count));
    const countDown = (iterations: Operand): Value => {
      const rest = m.pin(and(sub(count, iterations), mask));
      replaceMasked(m, rcx, mask, () => rest);
      return rest;
    };
    const isDescribed =
      bulk !== null &&
      m.bulk(
        count,
        (most) => bulk.run(m, most),
        (iterations) => {
          advance(m, bulk.indices, iterations);
          return countDown(m.toAddress(iterations));
        },
      );
    if (isDescribed) return;
    const result = iteration(m);
    const rest = countDown(1);
    const isNotLast = ne(rest, 0);
    if (result === null) m.repeatIf(isNotLast);
    else m.repeatIf(and(isNotLast, whileEqual ? isZero(result) : ne(result, 0)));
  };

/** A repeated string instruction is a form of its own: mnemonic with prefix. */
export const repeatedMnemonic = (mnemonic: string, prefix: "rep" | "repne"): string =>
  `${prefix}-${mnemonic}`;

const stringForms = (
  mnemonic: string,
  iteration: Iteration,
  compares: boolean,
  bulk: Bulk | null = null,
): readonly Definition[] => {
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
      meaning: repeated(iteration, false, null),
    });
  }
  return forms;
};

/** MOVS STOS LODS SCAS CMPS, alone and repeated. [SDM2A-3.2] [SDM2B-4.3] */
export const strings: readonly Definition[] = [
  ...stringForms("movs", movsIteration, false, movsBulk),
  ...stringForms("stos", stosIteration, false, stosBulk),
  ...stringForms("lods", lodsIteration, false),
  ...stringForms("scas", scasIteration, true),
  ...stringForms("cmps", cmpsIteration, true),
];
