import {
  add,
  and,
  convert,
  eq,
  extractLane,
  isZero,
  or,
  replaceLane,
  select,
  shl,
  shrU,
  splat,
  sub,
  TYPE,
  type Value,
  vector2,
  vectorTest,
  wrap,
} from "@xenolith/wasm-emitter";
import { REGISTER, VECTOR } from "@xenolith/x86-architecture";
import { adjustFlag, carryFlag, overflowFlag, parityFlag, signFlag } from "../machine/conditions.ts";
import { setSixFlags } from "../machine/flag-updates.ts";
import type { Machine } from "../machine/machine.ts";
import { FLAGS_KIND } from "../state/flags.ts";
import { ALL_SIZES, type Definition, exactly, type Meaning } from "./definition.ts";

const { rax, rbx, rcx, rdx } = REGISTER;

const xaddMeaning: Meaning = (m) => {
  const target = m.modify(0);
  const b = m.pin(m.read(1));
  const a = m.pin(target.get());
  const result = m.pin(m.extend(add(a, b)));
  m.write(1, a);
  target.set(result);
  m.setFlags(FLAGS_KIND.add, a, b, result);
};

/**
 * Memory is written in any case, with its own value where the comparison fails. A register stays as it is then, its upper
 * half too. [APM3 "CMPXCHG"]
 */
const cmpxchgMeaning: Meaning = (m) => {
  const target = m.modify(0);
  const replacement = m.pin(m.read(1));
  const expected = m.pin(m.register(rax, m.sizeBytes, "signed"));
  const old = m.pin(target.get());
  const isEqual = m.pin(eq(expected, old));
  if (m.isOperand(0, "register")) m.when(isEqual, () => target.set(replacement));
  else target.set(select(replacement, old, isEqual));
  m.when(isZero(isEqual), () => m.setRegister(rax, m.sizeBytes, old));
  m.setFlags(FLAGS_KIND.subtract, expected, old, m.pin(m.extend(sub(expected, old))));
};

/** Changes ZF only. */
const setZero = (m: Machine, zero: Value): void => {
  const { flags } = m;
  setSixFlags(m, {
    carry: m.pin(carryFlag(flags)),
    parity: m.pin(parityFlag(flags)),
    adjust: m.pin(adjustFlag(flags)),
    zero,
    sign: m.pin(signFlag(flags)),
    overflow: m.pin(overflowFlag(flags)),
  });
};

const cmpxchg8bMeaning: Meaning = (m) => {
  const target = m.modifyMemory(8, m.address());
  const pair = (high: number, low: number) =>
    m.pin(or(shl(convert(m.register(high, 4), TYPE.i64), 32), convert(m.register(low, 4), TYPE.i64)));
  const old = m.pin(target.get());
  const isEqual = m.pin(eq(pair(rdx, rax), old));
  target.set(select(pair(rcx, rbx), old, isEqual));
  m.when(isZero(isEqual), () => {
    m.setRegister(rax, 4, wrap(old));
    m.setRegister(rdx, 4, wrap(shrU(old, 32)));
  });
  setZero(m, isEqual);
};

/** Its memory must be aligned. */
const cmpxchg16bMeaning: Meaning = (m) => {
  const address = m.pin(m.address());
  m.faultIf(and(wrap(address), 15), VECTOR.generalProtection);
  const target = m.modifyVector(16, address);
  const pair = (high: number, low: number): Value =>
    replaceLane("i64x2", splat("i64x2", m.register(low, 8)), 1, m.register(high, 8));
  const old = m.pin(target.get());
  const isEqual = m.pin(vectorTest("i64x2.allTrue", vector2("i64x2.eq", old, pair(rdx, rax))));
  target.set(select(pair(rcx, rbx), old, isEqual));
  m.when(isZero(isEqual), () => {
    m.setRegister(rax, 8, extractLane("i64x2", old, 0));
    m.setRegister(rdx, 8, extractLane("i64x2", old, 1));
  });
  setZero(m, isEqual);
};

/** XADD CMPXCHG CMPXCHG8B CMPXCHG16B. LOCK changes nothing: one VCPU runs at a time. [SDM2A-3.2] [SDM2D-6.1] */
export const compareExchange: readonly Definition[] = [
  { mnemonic: "xadd", sizes: ALL_SIZES, forms: ["rr", "mr"], meaning: xaddMeaning },
  { mnemonic: "cmpxchg", sizes: ALL_SIZES, forms: ["rr", "mr"], meaning: cmpxchgMeaning },
  {
    mnemonic: "cmpxchg8b",
    sizes: exactly(4),
    forms: ["m"],
    operandBytes: () => 8,
    meaning: cmpxchg8bMeaning,
  },
  {
    mnemonic: "cmpxchg16b",
    sizes: (wide) => (wide ? [8] : []),
    forms: ["m"],
    operandBytes: () => 16,
    meaning: cmpxchg16bMeaning,
  },
];
