import { TLB_ENTRY } from "@xenolith/machine-interface";
import {
  add,
  and,
  convert,
  i32,
  i64,
  isZero,
  load,
  ne,
  shl,
  shrS,
  sub,
  TYPE,
  type Value,
} from "@xenolith/wasm-emitter";
import { REGISTER } from "@xenolith/x86-architecture";
import { STATE } from "../state/layout.ts";
import { emitExecuteCheck, type InterpreterPlaces } from "./execute-check.ts";
import { SPECIAL, type SpecialHandler } from "./handlers.ts";
import type { InterpreterLocals } from "./interpreter-function.ts";
import type { InterpreterMachine } from "./interpreter-machine.ts";
import { ADDRESS_RECORD, LEAVE, SECOND_PAGE_RECORD } from "./record.ts";

interface Context {
  readonly m: InterpreterMachine;
  readonly locals: InterpreterLocals;
  readonly places: InterpreterPlaces;
}

/** A block that ended for want of room: on to the next one. */
const emitEnter = ({ m }: Context): void => {
  m.fallThrough();
  m.hasEnded = true;
};

/** The end of a block that was cut to the budget. */
const emitStop = ({ m }: Context): void => {
  m.leave(LEAVE.budget);
  m.hasEnded = true;
};

const emitRare = ({ m }: Context): void => {
  m.leave(LEAVE.rare);
  m.hasEnded = true;
};

/** The code under this record has changed. */
const emitStale = ({ m }: Context): void => {
  m.refund();
  m.goto(m.thisInstruction());
  m.hasEnded = true;
};

/** Checks an offset against a segment, and leaves its linear address in the state block. */
const finishAddress = ({ m, locals }: Context, unmasked: Value): void => {
  const { body } = m;
  const offset = m.pin(and(unmasked, m.cutMask(ADDRESS_RECORD.cut)));
  const bytes = m.shape.wide ? 8 : 4;
  if (!m.shape.wide) {
    body.if(m.outOfBounds(offset, m.field16(ADDRESS_RECORD.lastByte), m.field16(ADDRESS_RECORD.bounds)));
    m.raise(m.field32(ADDRESS_RECORD.fault));
    body.end();
  }
  const base = load(m.addressType, bytes, false, add(locals.state, m.field16(ADDRESS_RECORD.segmentBase)));
  body.store(bytes, add(locals.state, m.field16(ADDRESS_RECORD.destination)), add(offset, base));
};

const emitAddress = (context: Context): void => finishAddress(context, context.m.address());

const emitBitAddress = (context: Context): void => {
  const { m, locals } = context;
  const field = (offset: number, type: Value["type"]): Value => load(type, 1, false, locals.record, offset);
  const register = add(locals.state, shl(field(ADDRESS_RECORD.bitRegister, TYPE.i32), 3));
  const number = load(m.addressType, m.shape.wide ? 8 : 4, false, register, STATE.registers);
  const log = m.pin(field(ADDRESS_RECORD.bitLog, m.addressType));
  const bits = m.shape.wide ? i64(64) : i32(32);
  const extension = m.pin(sub(bits, shl(m.shape.wide ? i64(1) : i32(1), log)));
  const element = shrS(shrS(shl(number, extension), extension), log);
  finishAddress(context, add(m.address(), shl(element, sub(log, 3))));
};

/** The instruction behind it lies on two pages: the second must still be what it was decoded from. */
const emitSecondPage = ({ m, locals, places }: Context): void => {
  const { body } = m;
  const page = m.temporary(TYPE.i32);
  const linear = m.pin(m.fieldAddress(SECOND_PAGE_RECORD.page));
  const resolve = (): void => {
    m.refund();
    m.leave(LEAVE.resolve);
  };
  emitExecuteCheck(body, locals.spaceTag, places, linear, page, resolve);
  const frame = load(TYPE.i32, 4, false, page, places.tlb.execute + TLB_ENTRY.frame);
  body.if(ne(frame, m.field32(SECOND_PAGE_RECORD.frame)));
  resolve();
  body.end();
};

/** A repeated instruction with no iteration left must not check its addresses. */
const emitRepeatGuard = ({ m }: Context): void => {
  const counter = convert(m.register(REGISTER.rcx, m.wordBytes, "zero"), m.addressType);
  m.finishIf(isZero(and(counter, m.stringMask())));
};

const EMITTERS: Readonly<Record<SpecialHandler, (context: Context) => void>> = {
  enter: emitEnter,
  stop: emitStop,
  rare: emitRare,
  stale: emitStale,
  address: emitAddress,
  "bit-address": emitBitAddress,
  "second-page": emitSecondPage,
  "repeat-guard": emitRepeatGuard,
};

/** Emits the handlers that belong to no instruction, in the order of {@link SPECIAL}. */
export const emitSpecialHandlers = (
  m: InterpreterMachine,
  locals: InterpreterLocals,
  places: InterpreterPlaces,
): void => {
  for (const name of SPECIAL) {
    m.body.end();
    m.begin(4, []);
    EMITTERS[name]({ m, locals, places });
    m.finish();
  }
};
