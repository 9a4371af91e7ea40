import {
  add,
  and,
  conversion,
  eq,
  i32,
  i64,
  isZero,
  load,
  ne,
  or,
  select,
  shl,
  shrS,
  shrU,
  sub,
  TYPE,
  type Value,
  widen,
  wrap,
  xor,
} from "@xenolith/wasm-emitter";
import { FLAG, FRAME_RECORD_TYPE, PAGE_FAULT, PTE, REGISTER } from "@xenolith/x86-architecture";
import { FLAGS_KIND } from "../../state/flags.ts";
import { GATES, STATE } from "../../state/layout.ts";
import { frameAddressIn, locateLevel1, recordAt, recordsOf } from "./frame-record.ts";
import { LOCATE_READ_WIDE } from "./linear-access.ts";
import { charge, gate, refuseWaitingEvent } from "./side-entry.ts";
import { DONE, type SystemEmitter, UNUSUAL_FLAGS } from "./system-emitter.ts";
import { emitReplacement, refuseReplacement } from "./table-update.ts";

/** Bytes of code that are looked at: more than the instructions have. */
const CODE_BYTES = 8;
/** Prefixes before REX: LOCK, and DS where a lock has been patched away. */
const PREFIX = { ds: 0x3e, lock: 0xf0 } as const;
const REX = { first: 0x40, mask: 0xf0, w: 8, r: 4, b: 1 } as const;
/** XCHG of a quadword with a register, and AND of a byte with an immediate, which is operation 4 of its group. */
const OPCODE = { exchange: 0x87, group1: 0x80, and: 4 } as const;

/** Error code of a write to a page that is there and may not be written, but for the privilege. */
export const WRITE_TO_PRESENT: number = PAGE_FAULT.present | PAGE_FAULT.write;
/** What entries above level 1 need, so that a walk changes nothing and allows all. */
const OPEN_TABLE = PTE.present | PTE.writable | PTE.user | PTE.accessed;
/** What an instruction does to a table. */
interface Store {
  readonly lengthBytes: Value;
  readonly isExchange: Value;
  /** Where the block holds the register of an exchange. */
  readonly register: Value;
  /** The byte that is kept of the one at the address, of AND. */
  readonly mask: Value;
}

/** Reads the instruction. Refuses any but those that Linux changes entries with, and one that does not go to an address. */
const readInstruction = (s: SystemEmitter, address: Value): Store => {
  const { body, context } = s;
  const at = s.pin(s.wideField(STATE.instructionPointer));
  const place = s.call(LOCATE_READ_WIDE, at, i32(CODE_BYTES), s.pin(s.field(STATE.spaceTag)));
  s.refuseIf(s.isNowhere(place));
  const code = s.pin(load(TYPE.i64, 8, false, place));
  const low = (): Value => and(wrap(code), 0xff);
  const lengthBytes = s.pin(i32(2));
  const skipIf = (condition: Value): void => {
    body.if(condition);
    body.set(code, shrU(code, 8));
    body.set(lengthBytes, add(lengthBytes, 1));
    body.end();
  };
  skipIf(or(eq(low(), PREFIX.ds), eq(low(), PREFIX.lock)));
  const isRex = s.pin(eq(and(low(), REX.mask), REX.first));
  const rex = s.pin(select(low(), i32(0), isRex));
  skipIf(isRex);
  const opcode = s.pin(low());
  const form = s.pin(and(wrap(shrU(code, 8)), 0xff));
  const mode = s.pin(shrU(form, 6));
  const base = s.pin(and(form, 7));
  // [base] and [base + byte] alone: no SIB, nothing relative to RIP.
  s.refuseIf(s.above(mode, i32(1)));
  s.refuseIf(eq(base, REGISTER.rsp));
  s.refuseIf(and(isZero(mode), eq(base, REGISTER.rbp)));
  const extended = (number: Value, bit: number): Value =>
    s.pin(add(shl(or(number, select(i32(8), i32(0), and(rex, bit))), 3), context.state + STATE.registers));
  const distance = select(shrS(shl(code, 40), 56), i64(0), mode);
  const target = add(load(TYPE.i64, 8, false, extended(base, REX.b)), distance);
  s.refuseIf(ne(target, address));
  const which = s.pin(and(shrU(form, 3), 7));
  const isExchange = s.pin(eq(opcode, OPCODE.exchange));
  body.if(isExchange);
  s.refuseIf(isZero(and(rex, REX.w)));
  s.refuseIf(and(wrap(address), 7));
  body.else();
  s.refuseIf(ne(opcode, OPCODE.group1));
  s.refuseIf(ne(which, OPCODE.and));
  body.end();
  body.set(lengthBytes, add(add(lengthBytes, mode), isZero(isExchange)));
  const mask = s.pin(and(wrap(shrU(code, widen(add(shl(mode, 3), 16), false))), 0xff));
  return { lengthBytes, isExchange, register: extended(which, REX.r), mask };
};

/** Where the bytes at an address are that are mapped to be read only, through tables that allow all. Refuses anything else. */
const locateReadOnly = (s: SystemEmitter, address: Value): Value => {
  const entry = s.pin(load(TYPE.i64, 8, false, locateLevel1(s, address, OPEN_TABLE)));
  const readOnly = PTE.present | PTE.user;
  s.refuseUnlessEqual(and(wrap(entry), readOnly | PTE.writable), readOnly);
  return s.pin(or(frameAddressIn(s, entry), and(wrap(address), 0xfff)));
};

/**
 * The kernel's store to one of its tables of level 1, by an instruction that page faulted: see `TransitionGates.tableRoot`. Returns
 * from the function, that all is done or that it is refused, unless no such table is there: then the fault is the kernel's own.
 */
export const emitTableStore = (s: SystemEmitter, code: Value): void => {
  const { body, context } = s;
  const records = recordsOf(s);
  s.refuseIf(ne(and(code, ~PAGE_FAULT.user), WRITE_TO_PRESENT));
  const fault: Value = load(TYPE.f64, 8, false, i32(context.state), STATE.faultAddress);
  const address = s.pin(conversion("i64.truncSatF64S", fault));
  const target = locateReadOnly(s, address);
  const record = recordAt(s, records, target);
  body.if(eq(record.get("type"), FRAME_RECORD_TYPE.level1));
  record.refuseUnlessOwn();
  record.refuseUnlessTable(FRAME_RECORD_TYPE.level1);
  record.refuseWatched();
  s.refuseIf(or(s.field(STATE.pending), s.field(STATE.isObserved)));
  s.refuseIf(and(s.systemFlags, UNUSUAL_FLAGS | FLAG.rf));
  refuseWaitingEvent(s);
  const store = readInstruction(s, address);
  const at = s.pin(and(target, ~7));
  const old = s.pin(load(TYPE.i64, 8, false, at));
  const shift = s.pin(shl(and(address, 7), 3));
  const cleared = shl(widen(xor(store.mask, 0xff), false), shift);
  const kept = and(old, xor(cleared, i64(-1)));
  const value = s.pin(select(load(TYPE.i64, 8, false, store.register), kept, store.isExchange));
  body.if(ne(value, old));
  refuseReplacement(s, records, at, value);
  emitReplacement(s, records, at, value);
  body.end();

  // Nothing can go wrong any more.
  body.if(store.isExchange);
  body.store(8, store.register, old);
  body.else();
  const result = shrS(shl(shrU(value, shift), 56), 56);
  s.setField(STATE.flagsKind, i32(FLAGS_KIND.logic));
  s.setField(STATE.flagsResult, result, 8);
  body.end();
  const next = add(s.wideField(STATE.instructionPointer), widen(store.lengthBytes, false));
  s.setField(STATE.instructionPointer, next, 8);
  // An exception's cost is that of the instruction too, which retires here.
  charge(s, s.field(STATE.budget), GATES.faultCost);
  s.setField(STATE.gates + GATES.charged, sub(gate(s, GATES.charged), 1));
  body.return(i32(DONE));
  body.end();
};
