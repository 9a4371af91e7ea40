import { and, eq, i32, load, ne, or, shl, TYPE, type Value, widen } from "@xenolith/wasm-emitter";
import { REGISTER } from "@xenolith/x86-architecture";
import { DESCRIPTOR_CACHE, DIRECT_GATE, GATES, STATE } from "../../state/layout.ts";
import type { SupportFunction } from "../support-function.ts";
import { ENTER_INTERRUPT } from "./interrupt-entry.ts";
import { READ_DESCRIPTOR } from "./linear-access.ts";
import { emitRingEntry } from "./ring-entry.ts";
import { charge, gate, isAtEvents, refuseWaitingEvent, register, setKernelStack } from "./side-entry.ts";
import { DONE, refuseClosedGates, SystemEmitter, systemFunction } from "./system-emitter.ts";

/**
 * (selector) -> both words of its descriptor out of the block's cache, where TypeScript puts it when it is not there; zeros,
 * which is a descriptor that is not present, for those of local tables and those that do not exist. Takes the place of the
 * function that reads the processor's own tables.
 */
export const KEPT_DESCRIPTOR: SupportFunction = {
  ...READ_DESCRIPTOR,
  emit(body, context) {
    const s = new SystemEmitter(body, context);
    const selector = body.parameter(0);
    const number = and(selector, 0xfff8);
    const place = and(selector, (DESCRIPTOR_CACHE.entries - 1) << 3);
    const entry = s.pin(shl(place, Math.log2(DESCRIPTOR_CACHE.entryBytes) - 3));
    const word = (offset: number): Value =>
      load(TYPE.i32, 4, false, entry, context.state + STATE.descriptorCache + offset);
    body.if(and(selector, 4));
    body.return(i32(0), i32(0));
    body.end();
    const isMissing = ne(word(DESCRIPTOR_CACHE.selector), or(number, 1));
    body.if(isMissing);
    body.call(context.fetchDescriptor, selector);
    body.end();
    body.if(isMissing);
    body.return(i32(0), i32(0));
    body.end();
    body.push(word(DESCRIPTOR_CACHE.low), word(DESCRIPTOR_CACHE.high));
  },
};

/** INT n that calls the monitor, in ring 1: answered where there is one answer, or where it only changes the kernel's stack. */
const emitAnsweredCall = (s: SystemEmitter): void => {
  const { body } = s;
  refuseClosedGates(s);
  s.refuseUnlessEqual(s.privilege, 1);
  refuseWaitingEvent(s);
  const call = s.pin(s.field(register(REGISTER.rax)));
  const argument = s.pin(s.field(register(REGISTER.rbx)));
  body.if(eq(call, gate(s, GATES.stackCall)));
  setKernelStack(s, widen(s.field(register(REGISTER.rcx)), false), argument);
  s.setWide(register(REGISTER.rax), i32(0));
  charge(s, s.field(STATE.budget), GATES.callCost);
  body.return(i32(DONE));
  body.end();
  s.refuseIf(ne(call, gate(s, GATES.answeredCall)));
  s.refuseIf(ne(argument, gate(s, GATES.answeredArgument)));
  s.setWide(register(REGISTER.rax), gate(s, GATES.answer));
  charge(s, s.field(STATE.budget), GATES.callCost);
  body.return(i32(DONE));
};

/**
 * (vector, …) -> done or refused: the usual case of `takeDirectGate`, from ring 3 to flat code of an inner ring. Takes the
 * place of the function that goes through the processor's own gates.
 */
export const TAKE_DIRECT_GATE: SupportFunction = systemFunction(
  ENTER_INTERRUPT.name,
  ENTER_INTERRUPT.parameters,
  (s, [vector]) => {
    if (vector === undefined) return;
    const { body } = s;
    body.if(eq(vector, gate(s, GATES.callVector)));
    emitAnsweredCall(s);
    body.end();
    const direct = (field: number): Value => s.field(STATE.directGate + field);
    s.refuseIf(ne(vector, direct(DIRECT_GATE.vector)));
    s.refuseUnlessEqual(s.privilege, 3);
    s.refuseUnlessUsual();
    refuseWaitingEvent(s);
    emitRingEntry(s, {
      fromOuter: null,
      codeSelector: s.pin(direct(DIRECT_GATE.codeSelector)),
      target: direct(DIRECT_GATE.target),
      stackSelector: s.pin(gate(s, GATES.kernelStackSelector)),
      stackPointer: gate(s, GATES.kernelStack),
      error: null,
      shown: (flags) => ({ besideCode: null, flags }),
      refuseFrame: (_bottom, frame) => s.refuseIf(isAtEvents(s, frame)),
    });
    body.push(i32(DONE));
  },
);
