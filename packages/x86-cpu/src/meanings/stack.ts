import { add, convert } from "@xenolith/wasm-emitter";
import { REGISTER } from "@xenolith/x86-architecture";
import { type Definition, exactly, type Meaning, STACK_SIZES } from "./definition.ts";

const { rsp, rbp } = REGISTER;

const pushMeaning: Meaning = (m) => m.push(m.sizeBytes, m.read(0, "any"));

/** A memory destination is written before the stack pointer moves; its address already counts with the moved one. */
const popMeaning: Meaning = (m) => {
  const value = m.peek(m.sizeBytes);
  if (m.isOperand(0, "memory")) {
    m.write(0, value);
    m.dropStack(m.sizeBytes);
  } else {
    m.dropStack(m.sizeBytes);
    m.write(0, value);
  }
};

/**
 * Pushes all eight, EAX first; ESP as it was before. What was stored before a fault stays in memory, as on silicon: the stack
 * pointer has not moved, so the instruction can be run again.
 */
const pushaMeaning: Meaning = (m) =>
  m.pushRow(
    m.sizeBytes,
    Array.from({ length: 8 }, (_, index) => m.register(index, m.sizeBytes)),
  );

/**
 * Pops all eight; the slot of ESP is read and ignored. A fault on the way leaves the registers already loaded as they are, as on
 * silicon: the stack pointer has not moved, so the instruction can be run again.
 */
const popaMeaning: Meaning = (m) => {
  const top = m.pin(m.stackPointer());
  for (let index = 7; index >= 0; index--) {
    const offset = m.pin(m.wrappedStackOffset(add(top, (7 - index) * m.sizeBytes)));
    const value = m.load(m.sizeBytes, m.stackAddress(offset, m.sizeBytes, false));
    if (index !== rsp) m.setRegister(index, m.sizeBytes, value);
  }
  m.dropStack(8 * m.sizeBytes);
};

const leaveMeaning: Meaning = (m) => {
  const frame = m.pin(m.wrappedStackOffset(m.toAddress(m.register(rbp, m.wordBytes, "zero"))));
  const value = m.load(m.sizeBytes, m.stackAddress(frame, m.sizeBytes, false));
  m.setStackPointer(m.wrappedStackOffset(add(frame, m.sizeBytes)));
  m.setRegister(rbp, m.sizeBytes, convert(value, m.type));
};

/** PUSH POP PUSHA POPA LEAVE. [SDM2A-3.2] [SDM2B-4.3] */
export const stack: readonly Definition[] = [
  { mnemonic: "push", sizes: STACK_SIZES, forms: ["r", "m", "i"], meaning: pushMeaning },
  { mnemonic: "pop", sizes: STACK_SIZES, forms: ["r", "m"], meaning: popMeaning },
  { mnemonic: "pusha", sizes: exactly(2, 4), forms: [""], meaning: pushaMeaning },
  { mnemonic: "popa", sizes: exactly(2, 4), forms: [""], meaning: popaMeaning },
  { mnemonic: "leave", sizes: STACK_SIZES, forms: [""], meaning: leaveMeaning },
];
