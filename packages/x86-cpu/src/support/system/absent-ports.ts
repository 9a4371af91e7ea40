import { i32, isZero, ltU } from "@xenolith/wasm-emitter";
import { GATES, STATE } from "../../state/layout.ts";
import type { SupportFunction } from "../support-function.ts";
import { PORT_IN, PORT_OUT, setAccumulator } from "./ports.ts";
import { charge, gate, refuseWaitingEvent } from "./side-entry.ts";
import { DONE, refuseClosedGates, type SystemEmitter, systemFunction } from "./system-emitter.ts";

/** Refuses where the ports are not those of a kernel that finds none, and takes what the monitor takes for them otherwise. */
const beginAbsent = (s: SystemEmitter): void => {
  refuseClosedGates(s);
  s.refuseIf(isZero(gate(s, GATES.hasAbsentPorts)));
  const isKernel = s.pin(ltU(s.privilege, 3));
  s.body.if(isZero(isKernel));
  s.refuseIf(isZero(gate(s, GATES.side)));
  s.body.end();
  refuseWaitingEvent(s);
  charge(s, s.field(STATE.budget), GATES.portCost);
};

/** (port, bytes) -> done or refused: IN of a kernel under a monitor for which there are no ports, by `TransitionGates`. */
export const READ_ABSENT_PORT: SupportFunction = systemFunction(
  PORT_IN.name,
  PORT_IN.parameters,
  (s, [, sizeBytes]) => {
    if (sizeBytes === undefined) return;
    beginAbsent(s);
    setAccumulator(s, sizeBytes, i32(-1));
    s.body.push(i32(DONE));
  },
);

/** (port, bytes) -> done or refused: OUT likewise. */
export const WRITE_ABSENT_PORT: SupportFunction = systemFunction(PORT_OUT.name, PORT_OUT.parameters, (s) => {
  beginAbsent(s);
  s.body.push(i32(DONE));
});
