import { add, and, convert, isZero, ne, type Value } from "@xenolith/wasm-emitter";
import { REGISTER } from "@xenolith/x86-architecture";
import { CONDITIONS } from "../decoder/opcode-table.ts";
import { zeroFlag } from "../machine/conditions.ts";
import type { Machine } from "../machine/machine.ts";
import { ADDRESS_SIZES, BRANCH_SIZES, type Definition, exactly, type Meaning } from "./definition.ts";

const jumpMeaning: Meaning = (m) => m.jump();

/** Where an indirect jump or call goes: read and checked. */
const indirectTarget = (m: Machine): Value => {
  const target = m.pin(m.toAddress(m.read(0, "zero")));
  m.checkTarget(target);
  return target;
};

const jumpIndirect: Meaning = (m) => m.jumpTo(indirectTarget(m));

const pushReturn = (m: Machine): void => m.push(m.sizeBytes, convert(m.nextInstruction(), m.type));

const callMeaning: Meaning = (m) => {
  pushReturn(m);
  m.jump();
};

const callIndirect: Meaning = (m) => {
  const target = indirectTarget(m);
  pushReturn(m);
  m.jumpTo(target);
};

const retMeaning: Meaning = (m) => {
  const target = m.pin(m.toAddress(m.peek(m.sizeBytes)));
  m.checkTarget(target);
  const released = m.isOperand(0, "immediate") ? add(m.toAddress(m.read(0)), m.sizeBytes) : m.sizeBytes;
  m.dropStack(released);
  m.jumpTo(target);
};

/** LOOP LOOPE LOOPNE: the counter has the address size, which is the size of these forms. */
const loopMeaning =
  (also: (m: Machine, isNotLast: Value) => Value): Meaning =>
  (m) => {
    const rest = m.pin(m.extend(add(m.register(REGISTER.rcx, m.sizeBytes, "signed"), -1)));
    m.setRegister(REGISTER.rcx, m.sizeBytes, rest);
    m.jumpIf(also(m, ne(rest, 0)));
  };

const jcxzMeaning: Meaning = (m) => m.jumpIf(isZero(m.register(REGISTER.rcx, m.sizeBytes, "zero")));

/** Near jumps, calls and returns. [SDM2A-3.2] [SDM2B-4.3] */
export const control: readonly Definition[] = [
  { mnemonic: "jmp", sizes: exactly(4), forms: [""], meaning: jumpMeaning },
  { mnemonic: "jmp", sizes: BRANCH_SIZES, forms: ["r", "m"], meaning: jumpIndirect },
  { mnemonic: "call", sizes: BRANCH_SIZES, forms: [""], meaning: callMeaning },
  { mnemonic: "call", sizes: BRANCH_SIZES, forms: ["r", "m"], meaning: callIndirect },
  {
    mnemonic: "ret",
    sizes: BRANCH_SIZES,
    forms: ["", "i"],
    operandBytes: () => 2,
    meaning: retMeaning,
  },
  ...CONDITIONS.map(
    (name, encoding): Definition => ({
      mnemonic: `j${name}`,
      sizes: exactly(4),
      forms: [""],
      meaning: (m) => m.jumpIf(m.condition(encoding)),
    }),
  ),
  { mnemonic: "loop", sizes: ADDRESS_SIZES, forms: [""], meaning: loopMeaning((_m, isNotLast) => isNotLast) },
  {
    mnemonic: "loope",
    sizes: ADDRESS_SIZES,
    forms: [""],
    meaning: loopMeaning((m, isNotLast) => and(isNotLast, zeroFlag(m.flags))),
  },
  {
    mnemonic: "loopne",
    sizes: ADDRESS_SIZES,
    forms: [""],
    meaning: loopMeaning((m, isNotLast) => and(isNotLast, isZero(zeroFlag(m.flags)))),
  },
  { mnemonic: "jcxz", sizes: ADDRESS_SIZES, forms: [""], meaning: jcxzMeaning },
];
