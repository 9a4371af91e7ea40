import { i32, isZero, ltU } from "@xenolith/wasm-emitter";
import { GATES, STATE } from "../../state/layout.ts";
import type { SupportFunction } from "../support-function.ts";
import { PORT_IN, PORT_OUT, setAccumulator } from "./ports.ts";
import { charge, gate, refuseWaitingEvent } from "./side-entry.ts";
import { DONE, refuseClosedGates, type SystemEmitter, systemFunction } from "./system-emitter.ts";

/** Refuses where it is no kernel that finds no ports and may think that it holds interrupts off, and takes the monitor's time for it. */
const beginSkipped = (s: SystemEmitter): void => {
  refuseClosedGates(s);
  s.refuseIf(isZero(gate(s, GATES.hasAbsentPorts)));
  const isKernel = s.pin(ltU(s.privilege, 3));
  s.body.if(isZero(isKernel));
  s.refuseIf(isZero(gate(s, GATES.side)));
  s.body.end();
  refuseWaitingEvent(s);
  charge(s, s.field(STATE.budget), GATES.emulationCost);
};

/** (port, bytes) -> done or refused: IN of a kernel under a monitor for which there are no ports, by `TransitionGates`. */
export const READ_ABSENT_PORT: SupportFunction = systemFunction(
  PORT_IN.name,
  PORT_IN.parameters,
  (s, [, sizeBytes]) => {
    if (sizeBytes === undefined) return;
    beginSkipped(s);
    setAccumulator(s, sizeBytes, i32(-1));
    s.body.push(i32(DONE));
  },
);

/** (port, bytes) -> done or refused: OUT likewise. */
export const WRITE_ABSENT_PORT: SupportFunction = systemFunction(PORT_OUT.name, PORT_OUT.parameters, (s) => {
  beginSkipped(s);
  s.body.push(i32(DONE));
});

/** () -> done or refused: CLI and STI of a kernel under a monitor that does nothing for them, by `TransitionGates`. */
export const SKIP_INTERRUPT_FLAG: SupportFunction = systemFunction("skipInterruptFlag", [], (s) => {
  beginSkipped(s);
  s.body.push(i32(DONE));
});
