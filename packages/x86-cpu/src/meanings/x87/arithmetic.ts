import { and, constant, convert, i32, i64, or, shl, shrU, type Value, xor } from "@xenolith/wasm-emitter";
import type { Machine } from "../../machine/machine.ts";
import { FLAGS_KIND } from "../../state/flags.ts";
import { type ArithmeticForms, X87_ARITHMETIC } from "../../x87/arithmetic-functions.ts";
import {
  X87_COMPARE,
  X87_COMPARE_FLAGS,
  X87_COMPARE_REGISTER,
  X87_EXAMINE,
} from "../../x87/compare-functions.ts";
import { STACK_OPERATIONS } from "../../x87/stack-operations.ts";
import type { Definition, Meaning } from "../definition.ts";
import { callNoting, notePending, waiting, x87Definition } from "./access.ts";
import { type LoadedValue, loadFloat, loadInteger } from "./values.ts";

type Load = (m: Machine) => LoadedValue;

const valueArithmetic = (forms: ArithmeticForms, load: Load): Meaning =>
  waiting((m) => {
    const { mantissa, head, address } = load(m);
    const [outcome] = m.call(forms.value, mantissa, head);
    if (outcome !== undefined) notePending(m, outcome, address);
  });

const registerArithmetic = (support: ArithmeticForms["registers"]): Meaning =>
  waiting((m) => {
    callNoting(m, support, m.x87Operand(0), m.x87Operand(1));
  });

const integerName = (mnemonic: string): string => `fi${mnemonic.slice(1)}`;

const arithmetic: readonly Definition[] = X87_ARITHMETIC.flatMap((forms) => [
  x87Definition(forms.mnemonic, "ff", registerArithmetic(forms.registers)),
  x87Definition(`${forms.mnemonic}p`, "ff", registerArithmetic(forms.popping)),
  ...[4, 8].map((size) => x87Definition(forms.mnemonic, "m", valueArithmetic(forms, loadFloat), size)),
  ...[2, 4].map((size) =>
    x87Definition(integerName(forms.mnemonic), "m", valueArithmetic(forms, loadInteger), size),
  ),
]);

const valueComparison = (load: Load, pops: number): Meaning =>
  waiting((m) => {
    const { mantissa, head, address } = load(m);
    const [outcome] = m.call(X87_COMPARE, mantissa, head, i32(0), i32(pops));
    if (outcome !== undefined) notePending(m, outcome, address);
  });

const registerComparison = (index: ((m: Machine) => Value) | null, quiet: boolean, pops: number): Meaning =>
  waiting((m) => {
    const other = index === null ? i32(0x10) : index(m);
    callNoting(m, X87_COMPARE_REGISTER, other, i32(quiet ? 1 : 0), i32(pops));
  });

const second = (m: Machine): Value => m.x87Operand(1);

/** ZF PF CF from bits of EFLAGS; OF AF SF are cleared. */
const setComparisonFlags = (m: Machine, flags: Value): void => {
  const zero = and(shrU(flags, 6), 1);
  const parity = and(shrU(flags, 2), 1);
  // A result of 0 has even parity and one of 1 odd, which is right unless the values are equal.
  const invertsParity = shl(and(zero, xor(parity, 1)), 4);
  const given = or(and(flags, 1), invertsParity);
  m.setFlags(
    FLAGS_KIND.given,
    constant(m.addressType, 0),
    convert(given, m.addressType),
    convert(xor(zero, 1), m.addressType),
  );
};

const flagComparison = (quiet: boolean, pops: number): Meaning =>
  waiting((m) => {
    const [flags, outcome] = m.call(X87_COMPARE_FLAGS, m.x87Operand(1), i32(quiet ? 1 : 0), i32(pops));
    if (flags === undefined || outcome === undefined) return;
    setComparisonFlags(m, flags);
    notePending(m, outcome);
  });

const comparisons: readonly Definition[] = [
  ...["fcom", "fcomp"].flatMap((name, pops) => [
    x87Definition(name, "ff", registerComparison(second, false, pops)),
    ...[4, 8].map((size) => x87Definition(name, "m", valueComparison(loadFloat, pops), size)),
    ...[2, 4].map((size) => x87Definition(integerName(name), "m", valueComparison(loadInteger, pops), size)),
  ]),
  x87Definition("fucom", "ff", registerComparison(second, true, 0)),
  x87Definition("fucomp", "ff", registerComparison(second, true, 1)),
  x87Definition("fcompp", "", registerComparison(null, false, 2)),
  x87Definition("fucompp", "", registerComparison(null, true, 2)),
  x87Definition("fcomi", "ff", flagComparison(false, 0)),
  x87Definition("fcomip", "ff", flagComparison(false, 1)),
  x87Definition("fucomi", "ff", flagComparison(true, 0)),
  x87Definition("fucomip", "ff", flagComparison(true, 1)),
  x87Definition(
    "ftst",
    "",
    waiting((m) => {
      callNoting(m, X87_COMPARE, i64(0), i32(0), i32(0), i32(0));
    }),
  ),
  x87Definition(
    "fxam",
    "",
    waiting((m) => {
      m.call(X87_EXAMINE);
    }),
  ),
];

const stackOperations: readonly Definition[] = STACK_OPERATIONS.map(({ mnemonic, support }) =>
  x87Definition(
    mnemonic,
    "",
    waiting((m) => {
      callNoting(m, support);
    }),
  ),
);

/** Arithmetic and comparisons. [SDM2A-3.3] */
export const x87Arithmetic: readonly Definition[] = [...arithmetic, ...comparisons, ...stackOperations];
