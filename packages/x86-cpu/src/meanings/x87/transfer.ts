import { convert, i32, i64, TYPE, type Value } from "@xenolith/wasm-emitter";
import {
  type ExtendedConstant,
  extendedConstant,
  LN2,
  LOG2_10,
  LOG2_E,
  LOG10_2,
  PI,
} from "../../floating-point/constants.ts";
import { INTEGER_BIT } from "../../floating-point/format.ts";
import type { Machine } from "../../machine/machine.ts";
import type { SupportFunction } from "../../support/support-function.ts";
import {
  X87_LOAD_CONSTANT,
  X87_LOAD_DECIMAL,
  X87_LOAD_DOUBLE,
  X87_LOAD_INTEGER,
  X87_LOAD_REGISTER,
  X87_LOAD_SINGLE,
} from "../../x87/load-functions.ts";
import { X87_CHANGE_SIGN, X87_COPY, X87_EXCHANGE, X87_MOVE_IF } from "../../x87/register-functions.ts";
import { X87_PUSH } from "../../x87/results.ts";
import {
  X87_STORE_DECIMAL,
  X87_STORE_DOUBLE,
  X87_STORE_EXTENDED,
  X87_STORE_INTEGER,
  X87_STORE_SINGLE,
} from "../../x87/store-functions.ts";
import type { Definition, Meaning } from "../definition.ts";
import {
  callNoting,
  hasResult,
  memoryAddress,
  notePending,
  onlyIf,
  waiting,
  x87Definition,
} from "./access.ts";

/** Reads a memory operand and pushes it by a function of one i64. */
const loadBy = (support: SupportFunction, isSigned: boolean): Meaning =>
  waiting((m) => {
    const address = memoryAddress(m);
    const value = m.load(m.operandBytes(0), address, isSigned ? "signed" : "zero");
    const [outcome] = m.call(support, convert(value, TYPE.i64, isSigned));
    if (outcome !== undefined) notePending(m, outcome, address);
  });

/** Reads 10 bytes and pushes them by a function. */
const loadTenBytes = (support: SupportFunction): Meaning =>
  waiting((m) => {
    const address = memoryAddress(m);
    const [low, high] = m.loadExtended(address);
    const [outcome] = m.call(support, low, high);
    if (outcome !== undefined) notePending(m, outcome, address);
  });

/** Stores what a function gives: (…) -> (value i64, outcome). Memory is checked before the function changes anything. */
const storeBy = (support: SupportFunction, ...values: readonly Value[]): Meaning =>
  waiting((m) => {
    const address = memoryAddress(m);
    const place = m.modifyMemory(m.operandBytes(0), address);
    const [value, outcome] = m.call(support, ...values);
    if (value === undefined || outcome === undefined) return;
    onlyIf(m, hasResult(outcome), () => place.set(value));
    notePending(m, outcome, address);
  });

const storeTenBytes = (support: SupportFunction): Meaning =>
  waiting((m) => {
    const address = memoryAddress(m);
    const set = m.modifyExtended(address);
    const [low, high, outcome] = m.call(support);
    if (low === undefined || high === undefined || outcome === undefined) return;
    onlyIf(m, hasResult(outcome), () => set(low, high));
    notePending(m, outcome, address);
  });

const storeInteger = (size: number, pops: boolean, truncates: boolean): Meaning =>
  storeBy(X87_STORE_INTEGER, i32(pops ? 1 : 0), i32(8 * size), i32(truncates ? 1 : 0));

const loads: readonly Definition[] = [
  x87Definition("fld", "m", loadBy(X87_LOAD_SINGLE, false), 4),
  x87Definition("fld", "m", loadBy(X87_LOAD_DOUBLE, false), 8),
  x87Definition("fld", "m", loadTenBytes(X87_PUSH), 10),
  x87Definition("fbld", "m", loadTenBytes(X87_LOAD_DECIMAL), 10),
  ...[2, 4, 8].map((size) => x87Definition("fild", "m", loadBy(X87_LOAD_INTEGER, true), size)),
  x87Definition(
    "fld",
    "f",
    waiting((m) => {
      callNoting(m, X87_LOAD_REGISTER, m.x87Operand(0));
    }),
  ),
];

const copy = (pops: boolean): Meaning =>
  waiting((m) => {
    callNoting(m, X87_COPY, m.x87Operand(0), i32(pops ? 1 : 0));
  });

const stores: readonly Definition[] = [
  ...[false, true].flatMap((pops) => {
    const name = pops ? "fstp" : "fst";
    return [
      x87Definition(name, "m", storeBy(X87_STORE_SINGLE, i32(pops ? 1 : 0)), 4),
      x87Definition(name, "m", storeBy(X87_STORE_DOUBLE, i32(pops ? 1 : 0)), 8),
      x87Definition(name, "f", copy(pops)),
    ];
  }),
  x87Definition("fstpnce", "f", copy(true)),
  x87Definition("fstp", "m", storeTenBytes(X87_STORE_EXTENDED), 10),
  x87Definition("fbstp", "m", storeTenBytes(X87_STORE_DECIMAL), 10),
  ...[2, 4].map((size) => x87Definition("fist", "m", storeInteger(size, false, false), size)),
  ...[2, 4, 8].map((size) => x87Definition("fistp", "m", storeInteger(size, true, false), size)),
  ...[2, 4, 8].map((size) => x87Definition("fisttp", "m", storeInteger(size, true, true), size)),
];

/** FCMOVcc by the encoding of the condition. */
const CONDITIONS: Readonly<Record<string, number>> = {
  fcmovb: 2,
  fcmovnb: 3,
  fcmove: 4,
  fcmovne: 5,
  fcmovbe: 6,
  fcmovnbe: 7,
  fcmovu: 10,
  fcmovnu: 11,
};

const moves: readonly Definition[] = Object.entries(CONDITIONS).map(([mnemonic, condition]) =>
  x87Definition(
    mnemonic,
    "ff",
    waiting((m) => {
      callNoting(m, X87_MOVE_IF, m.x87Operand(1), m.condition(condition));
    }),
  ),
);

const pushConstant = ({ mantissa, exponent, roundsUp }: ExtendedConstant): Meaning =>
  waiting((m) => {
    callNoting(m, X87_LOAD_CONSTANT, i64(mantissa), i32(exponent), i32(roundsUp ? 1 : 0));
  });

const push = (mantissa: bigint, exponent: number): Meaning =>
  waiting((m: Machine) => {
    callNoting(m, X87_PUSH, i64(mantissa), i32(exponent));
  });

const constants: readonly Definition[] = [
  x87Definition("fld1", "", push(INTEGER_BIT, 16383)),
  x87Definition("fldz", "", push(0n, 0)),
  x87Definition("fldl2t", "", pushConstant(extendedConstant(LOG2_10))),
  x87Definition("fldl2e", "", pushConstant(extendedConstant(LOG2_E))),
  x87Definition("fldpi", "", pushConstant(extendedConstant(PI))),
  x87Definition("fldlg2", "", pushConstant(extendedConstant(LOG10_2))),
  x87Definition("fldln2", "", pushConstant(extendedConstant(LN2))),
];

const registers: readonly Definition[] = [
  x87Definition(
    "fxch",
    "f",
    waiting((m) => {
      callNoting(m, X87_EXCHANGE, m.x87Operand(0));
    }),
  ),
  x87Definition(
    "fchs",
    "",
    waiting((m) => {
      callNoting(m, X87_CHANGE_SIGN, i32(0xffff), i32(0x8000));
    }),
  ),
  x87Definition(
    "fabs",
    "",
    waiting((m) => {
      callNoting(m, X87_CHANGE_SIGN, i32(0x7fff), i32(0));
    }),
  ),
];

/** Loads, stores and moves. [SDM2A-3.3] */
export const x87Transfer: readonly Definition[] = [...loads, ...stores, ...moves, ...constants, ...registers];
