import type { DirectGate } from "@xenolith/machine-interface";
import { VECTOR } from "@xenolith/x86-architecture";
import { DIRECT_GATE, NO_GATE, STATE } from "../state/layout.ts";
import type { VcpuState } from "../state/vcpu-state.ts";

/** INT3 asks for the gate of its vector as INT 3 does, but has none. */
const isPlaceable = ({ vector }: DirectGate): boolean => vector !== VECTOR.breakpoint;

/** Puts a direct gate, the first there is, into the state block, where generated code finds it. Others are TypeScript's. */
export const placeDirectGate = (state: VcpuState, gates: readonly DirectGate[]): void => {
  const gate = gates.find(isPlaceable);
  const set = (field: number, value: number): void => state.setU32(STATE.directGate + field, value);
  set(DIRECT_GATE.vector, gate?.vector ?? NO_GATE);
  if (gate === undefined) return;
  set(DIRECT_GATE.codeSelector, gate.codeSelector);
  set(DIRECT_GATE.target, gate.target);
};
