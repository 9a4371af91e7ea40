import { add, and, i32, isZero, or, type Value } from "@xenolith/wasm-emitter";
import { FLAG, REGISTER } from "@xenolith/x86-architecture";
import { MSR_SLOT, STATE } from "../../state/layout.ts";
import type { SupportFunction } from "../support-function.ts";
import { DONE, type SystemEmitter, systemFunction } from "./system-emitter.ts";

const registerField = (register: number): number => STATE.registers + 8 * register;
const msrField = (slot: number): number => STATE.msr + 8 * slot;

/** Attributes of flat code and data segments, but for the privilege. */
const CODE = 0xc09b;
const DATA = 0xc093;

/** Selector base of IA32_SYSENTER_CS. */
const enterSelector = (s: SystemEmitter): Value => {
  const selector = s.pin(and(s.field(msrField(MSR_SLOT.sysenterCs)), 0xfffc));
  s.refuseIf(isZero(selector));
  return selector;
};

const enter = (s: SystemEmitter, selectors: readonly [Value, Value], privilege: number): void => {
  const [code, stack] = selectors;
  s.setCode(code, i32(CODE | (privilege << 5)), i32(privilege));
  s.setStack(stack, i32(DATA | (privilege << 5)));
};

/** () -> done or refused: SYSENTER between flat 32-bit segments. */
export const ENTER_SYSTEM: SupportFunction = systemFunction("enterSystem", [], (s) => {
  s.refuseUnlessUsual();
  const selector = enterSelector(s);
  const stackPointer = s.pin(s.field(msrField(MSR_SLOT.sysenterEsp)));
  const target = s.pin(s.field(msrField(MSR_SLOT.sysenterEip)));
  s.setField(STATE.systemFlags, and(s.systemFlags, ~(FLAG.vm | FLAG.if)));
  enter(s, [selector, and(add(selector, 8), 0xffff)], 0);
  s.setWide(registerField(REGISTER.rsp), stackPointer);
  s.setWide(STATE.instructionPointer, target);
  s.body.push(i32(DONE));
});

/** () -> done or refused: SYSEXIT between flat 32-bit segments. */
export const LEAVE_SYSTEM: SupportFunction = systemFunction("leaveSystem", [], (s) => {
  s.refuseUnlessUsual();
  s.refuseIf(s.privilege);
  const selector = enterSelector(s);
  const user = (distance: number): Value => or(and(add(selector, distance), 0xffff), 3);
  enter(s, [s.pin(user(16)), s.pin(user(24))], 3);
  s.setWide(registerField(REGISTER.rsp), s.field(registerField(REGISTER.rcx)));
  s.setWide(STATE.instructionPointer, s.field(registerField(REGISTER.rdx)));
  s.body.push(i32(DONE));
});
