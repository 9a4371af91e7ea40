import { and, i32, TYPE } from "@xenolith/wasm-emitter";
import { VECTOR } from "@xenolith/x86-architecture";
import { STATE } from "../state/layout.ts";
import type { Machine } from "./machine.ts";

/** Bit of the status word: an unmasked x87 exception waits. */
const ERROR_SUMMARY = 0x80;
const WITHOUT_TOP = ~0x3800;
const ALL_VALID = 0xff;

/** What comes before an MMX instruction: a waiting x87 exception. [SDM1-9.5] */
export const beginMmx = (m: Machine): void =>
  m.faultIf(and(m.stateField(TYPE.i32, 4, STATE.x87Status), ERROR_SUMMARY), VECTOR.x87Error);

/** What an MMX instruction does to the x87 state, once nothing can fault any more: TOP is 0, all registers are valid. */
export const enterMmx = (m: Machine): void => {
  m.setStateField(4, STATE.x87Status, and(m.stateField(TYPE.i32, 4, STATE.x87Status), WITHOUT_TOP));
  m.setStateField(4, STATE.x87Tags, i32(ALL_VALID));
};
