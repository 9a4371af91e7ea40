import { add, and, i32, i64, isZero, load, mul, ne, select, sub, TYPE } from "@xenolith/wasm-emitter";
import { FRAME_RECORD_TYPE, PTE, REGISTER } from "@xenolith/x86-architecture";
import { GATES, STATE } from "../../state/layout.ts";
import { locateLevel1, recordAt } from "./frame-record.ts";
import { chargeFor, entryCost, gate, refuseReserved, refuseUnlessCanonical, register } from "./side-entry.ts";
import type { SystemEmitter } from "./system-emitter.ts";
import { emitReplacement, refuseReplacement } from "./table-update.ts";

/** Flags of the call: what is to be forgotten with the entry, and that it is to be everywhere. */
const FLUSH = { space: 1, page: 2, everywhere: 4 } as const;

/** Entries that are looked at to find one: those of each level but the first. */
const ENTRIES_TO_FIND = 3;

/** The kernel's call that changes the entry for an address; see `TransitionGates.mapCall`. */
export const emitMapping = (s: SystemEmitter): void => {
  const { body, context } = s;
  const records = s.pin(gate(s, GATES.frameRecords));
  s.refuseIf(isZero(records));
  const flags = s.pin(s.wideField(register(REGISTER.rdx)));
  const flushes = s.pin(ne(flags, i64(0)));
  const kind = s.pin(and(flags, i64(~FLUSH.everywhere)));
  body.if(flushes);
  s.refuseIf(and(ne(kind, i64(FLUSH.space)), ne(kind, i64(FLUSH.page))));
  body.end();
  const address = s.pin(s.wideField(register(REGISTER.rdi)));
  refuseUnlessCanonical(s, address);
  refuseReserved(s, address);
  const at = locateLevel1(s, address, PTE.present);
  const table = recordAt(s, records, at);
  table.refuseUnlessOwn();
  table.refuseUnlessTable(FRAME_RECORD_TYPE.level1);
  s.refuseIf(load(TYPE.i32, 1, false, table.frame, context.watchTable));
  const value = s.pin(s.wideField(register(REGISTER.rsi)));
  refuseReplacement(s, records, at, value);

  // Nothing can go wrong any more.
  emitReplacement(s, records, at, value);
  const finding = mul(entryCost(s), ENTRIES_TO_FIND);
  chargeFor(
    s,
    s.field(STATE.budget),
    add(finding, select(sub(gate(s, GATES.flushCost), gate(s, GATES.requestCost)), i32(0), flushes)),
  );
};
