import { add, eq, i32, isZero, ltU, sub } from "@xenolith/wasm-emitter";
import { REGISTER } from "@xenolith/x86-architecture";
import { GATES, STATE } from "../../state/layout.ts";
import type { SupportFunction } from "../support-function.ts";
import { PORT_IN, PORT_OUT } from "./ports.ts";
import { eventsOf, gate, refuseEvents, register } from "./side-entry.ts";
import { DONE, refuseClosedGates, type SystemEmitter, systemFunction } from "./system-emitter.ts";

const ACCUMULATOR = register(REGISTER.rax);

/** Refuses where the ports are not those of a kernel that finds none, and takes what the monitor takes for them otherwise. */
const beginAbsent = (s: SystemEmitter): void => {
  refuseClosedGates(s);
  s.refuseIf(isZero(gate(s, GATES.hasAbsentPorts)));
  const isKernel = s.pin(ltU(s.privilege, 3));
  s.body.if(isZero(isKernel));
  s.refuseIf(isZero(gate(s, GATES.side)));
  s.body.end();
  const events = eventsOf(s);
  refuseEvents(s, events, events.isMasked);
  const cost = s.pin(gate(s, GATES.portCost));
  s.setField(STATE.budget, sub(s.field(STATE.budget), cost));
  s.setField(STATE.gates + GATES.charged, add(gate(s, GATES.charged), cost));
};

/** (port, bytes) -> done or refused: IN of a kernel under a monitor for which there are no ports, by `TransitionGates`. */
export const READ_ABSENT_PORT: SupportFunction = systemFunction(
  PORT_IN.name,
  PORT_IN.parameters,
  (s, [, sizeBytes]) => {
    if (sizeBytes === undefined) return;
    const { body } = s;
    beginAbsent(s);
    body.if(eq(sizeBytes, 4));
    s.setWide(ACCUMULATOR, i32(-1));
    body.else();
    body.if(eq(sizeBytes, 2));
    s.setField(ACCUMULATOR, i32(-1), 2);
    body.else();
    s.setField(ACCUMULATOR, i32(-1), 1);
    body.end();
    body.end();
    body.push(i32(DONE));
  },
);

/** (port, bytes) -> done or refused: OUT likewise. */
export const WRITE_ABSENT_PORT: SupportFunction = systemFunction(PORT_OUT.name, PORT_OUT.parameters, (s) => {
  beginAbsent(s);
  s.body.push(i32(DONE));
});
