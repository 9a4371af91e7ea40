import { add, and, i32, i64, mul, ne, select, sub, type Value } from "@xenolith/wasm-emitter";
import { FRAME_RECORD_TYPE, PTE, REGISTER } from "@xenolith/x86-architecture";
import { GATES, STATE } from "../../state/layout.ts";
import { locateLevel1, recordAt, recordsOf } from "./frame-record.ts";
import { chargeFor, entryCost, gate, refuseReserved, refuseUnlessCanonical, register } from "./side-entry.ts";
import type { SystemEmitter } from "./system-emitter.ts";
import { emitReplacement, type ReplacementLimits, refuseReplacement } from "./table-update.ts";

/** Flags of the call: what is to be forgotten with the entry, and that it is to be everywhere. */
const FLUSH = { space: 1, page: 2, everywhere: 4 } as const;

/** Entries that are looked at to find one: those of each level but the first. */
const ENTRIES_TO_FIND = 3;

/** What the call is made with. */
interface MappingArguments {
  readonly address: Value;
  readonly value: Value;
  readonly flags: Value;
}

/** What is to be done: the machine address of an entry, the value to be stored there, and whether there is a flush to be paid. */
interface Mapping {
  readonly at: Value;
  readonly value: Value;
  readonly flushes: Value;
}

/** Finds the entry, and refuses what is not a change of one that only counts the kernel's own pages. */
export const refuseMapping = (
  s: SystemEmitter,
  records: Value,
  { address, value, flags }: MappingArguments,
  limits?: ReplacementLimits,
): Mapping => {
  const { body } = s;
  const flushes = s.pin(ne(flags, i64(0)));
  const kind = s.pin(and(flags, i64(~FLUSH.everywhere)));
  body.if(flushes);
  s.refuseIf(and(ne(kind, i64(FLUSH.space)), ne(kind, i64(FLUSH.page))));
  body.end();
  refuseUnlessCanonical(s, address);
  refuseReserved(s, address);
  const at = locateLevel1(s, address, PTE.present);
  const table = recordAt(s, records, at);
  table.refuseUnlessOwn();
  table.refuseUnlessTable(FRAME_RECORD_TYPE.level1);
  table.refuseWatched();
  refuseReplacement(s, records, at, value, limits);
  return { at, value, flushes };
};

/** Does what {@link refuseMapping} does not refuse, and charges for it. */
export const emitMapping = (s: SystemEmitter, records: Value, { at, value, flushes }: Mapping): void => {
  emitReplacement(s, records, at, value);
  const flush = sub(gate(s, GATES.flushCost), gate(s, GATES.requestCost));
  const cost = add(mul(entryCost(s), ENTRIES_TO_FIND), select(flush, i32(0), flushes));
  chargeFor(s, s.field(STATE.budget), cost);
};

/** The kernel's call that changes the entry for an address; see `TransitionGates.mapCall`. */
export const emitMappingCall = (s: SystemEmitter): void => {
  const records = recordsOf(s);
  const argument = (index: number): Value => s.pin(s.wideField(register(index)));
  const mapping = refuseMapping(s, records, {
    address: argument(REGISTER.rdi),
    value: argument(REGISTER.rsi),
    flags: argument(REGISTER.rdx),
  });
  emitMapping(s, records, mapping);
};
