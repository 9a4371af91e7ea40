import { and, i32, TYPE } from "@xenolith/wasm-emitter";
import { VECTOR } from "@xenolith/x86-architecture";
import { STATE } from "../state/layout.ts";
import type { Machine } from "./machine.ts";

/** What MMX instructions know of the x87 state: the bit that says that an unmasked exception waits, and what they leave. [SDM1-9.5] */
export const MMX_STATE = { errorSummary: 0x80, withoutTop: 0xffff_c7ff, allValid: 0xff } as const;

/** What comes before an MMX instruction: a waiting x87 exception. [SDM1-9.5] */
export const beginMmx = (m: Machine): void =>
  m.faultIf(and(m.stateField(TYPE.i32, 4, STATE.x87Status), MMX_STATE.errorSummary), VECTOR.x87Error);

/** What an MMX instruction does to the x87 state, once nothing can fault any more: TOP is 0, all registers are valid. */
export const enterMmx = (m: Machine): void => {
  m.setStateField(4, STATE.x87Status, and(m.stateField(TYPE.i32, 4, STATE.x87Status), MMX_STATE.withoutTop));
  m.setStateField(4, STATE.x87Tags, i32(MMX_STATE.allValid));
};
