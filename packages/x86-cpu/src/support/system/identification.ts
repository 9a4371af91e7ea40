import {
  add,
  and,
  compare,
  i32,
  isZero,
  load,
  or,
  shl,
  shrU,
  TYPE,
  type Value,
} from "@xenolith/wasm-emitter";
import { REGISTER } from "@xenolith/x86-architecture";
import { CPUID_TABLE } from "../../state/cpuid-table.ts";
import { GATES, STATE } from "../../state/layout.ts";
import type { SupportFunction } from "../support-function.ts";
import { charge, gate, refuseWaitingEvent, register } from "./side-entry.ts";
import { DONE, refuseClosedGates, systemFunction } from "./system-emitter.ts";

/** () -> done or refused: CPUID under a monitor, out of the table that the monitor has filled, by `TransitionGates`. */
export const ANSWER_IDENTITY: SupportFunction = systemFunction("answerIdentity", [], (s) => {
  const { body } = s;
  const { leaves, entryBytes, valid, count, first } = CPUID_TABLE;
  refuseClosedGates(s);
  const table = s.pin(gate(s, GATES.identities));
  s.refuseIf(isZero(table));
  refuseWaitingEvent(s);
  const leaf = s.pin(s.field(register(REGISTER.rax)));
  s.refuseIf(and(leaf, 0x7fff_ffff & ~(leaves - 1)));
  const index = or(and(leaf, leaves - 1), shl(shrU(leaf, 31), Math.log2(leaves)));
  const entry = s.pin(add(table, shl(index, Math.log2(entryBytes))));
  const word = (offset: number): Value => load(TYPE.i32, 4, false, entry, offset);
  body.if(isZero(word(valid)));
  const subleaf = s.pin(s.field(register(REGISTER.rcx)));
  s.refuseIf(compare("geU", subleaf, word(count)));
  body.set(entry, add(add(table, word(first)), shl(subleaf, Math.log2(entryBytes))));
  body.end();
  for (const [position, answered] of [REGISTER.rax, REGISTER.rbx, REGISTER.rcx, REGISTER.rdx].entries())
    s.setWide(register(answered), word(4 * position));
  charge(s, s.field(STATE.budget), GATES.emulationCost);
  body.push(i32(DONE));
});
