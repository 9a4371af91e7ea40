import { and, eq, i32, shrU, TYPE, type Value } from "@xenolith/wasm-emitter";
import { CR4, FLAG, REGISTER } from "@xenolith/x86-architecture";
import { MSR_SLOT, STATE } from "../../state/layout.ts";
import type { SupportFunction } from "../support-function.ts";
import { ATTEND, DONE, REFUSED, type SystemEmitter, systemFunction } from "./system-emitter.ts";

const ACCUMULATOR = STATE.registers + 8 * REGISTER.rax;

/** Ports without asking the I/O permission map. */
const refuseWithoutIoPrivilege = (s: SystemEmitter): void => {
  s.refuseIf(s.field(STATE.isObserved));
  s.refuseIf(and(s.systemFlags, FLAG.vm));
  s.refuseIf(s.above(s.privilege, and(shrU(s.systemFlags, 12), 3)));
};

/** Answers done, or that the loop is to look around, as what TypeScript has just done may want it. */
const answer = (s: SystemEmitter): void => {
  s.body.if(s.field(STATE.wantsAttention));
  s.setField(STATE.wantsAttention, i32(0));
  s.body.return(i32(ATTEND));
  s.body.end();
  s.body.push(i32(DONE));
};

/** Puts what IN has read into the part of the accumulator that has so many bytes. */
export const setAccumulator = (s: SystemEmitter, sizeBytes: Value, value: Value): void => {
  const { body } = s;
  body.if(eq(sizeBytes, 4));
  s.setWide(ACCUMULATOR, value);
  body.else();
  body.if(eq(sizeBytes, 2));
  s.setField(ACCUMULATOR, value, 2);
  body.else();
  s.setField(ACCUMULATOR, value, 1);
  body.end();
  body.end();
};

/** (port, bytes) -> done, refused or attend: OUT of the accumulator. */
export const PORT_OUT: SupportFunction = systemFunction("portOut", [TYPE.i32, TYPE.i32], (s, parameters) => {
  const [port, sizeBytes] = parameters as [Value, Value];
  refuseWithoutIoPrivilege(s);
  s.body.call(s.context.portOut, port, sizeBytes);
  answer(s);
});

/** (port, bytes) -> done, refused or attend: IN to the accumulator. */
export const PORT_IN: SupportFunction = systemFunction("portIn", [TYPE.i32, TYPE.i32], (s, parameters) => {
  const { body } = s;
  const [port, sizeBytes] = parameters as [Value, Value];
  refuseWithoutIoPrivilege(s);
  const value = body.local(TYPE.i32);
  body.call(s.context.portIn, port, sizeBytes);
  body.set(value);
  setAccumulator(s, sizeBytes, value);
  answer(s);
});

/** (with TSC_AUX) -> done or refused: RDTSC, and RDTSCP with a parameter of 1, where everybody may. */
export const READ_TIMESTAMP: SupportFunction = systemFunction("readTimestamp", [TYPE.i32], (s, [withAux]) => {
  const { body } = s;
  if (withAux === undefined) return;
  body.if(s.privilege);
  s.refuseIf(and(s.field(STATE.control + 8 * 4), CR4.tsd));
  body.end();
  body.call(s.context.readTimestamp);
  body.if();
  body.return(i32(REFUSED));
  body.end();
  body.if(withAux);
  s.setWide(STATE.registers + 8 * REGISTER.rcx, s.field(STATE.msr + 8 * MSR_SLOT.tscAux));
  body.end();
  body.push(i32(DONE));
});
