import {
  add,
  and,
  i32,
  i64,
  isZero,
  load,
  or,
  select,
  shl,
  shrU,
  TYPE,
  type Value,
  widen,
  wrap,
  xor,
} from "@xenolith/wasm-emitter";
import { CR0 } from "@xenolith/x86-architecture";
import { STATE, VECTOR_BYTES, X87_FIELD, X87_REGISTER_BYTES } from "../../state/layout.ts";
import {
  AREA_REGISTER_BYTES,
  LEGACY_AREA,
  LEGACY_POINTERS,
  MXCSR_MASK,
  X87_OPCODE_BITS,
} from "../../state/legacy-area.ts";
import { CONTROL, STATUS, TOP_STEP } from "../../x87/registers.ts";
import type { SupportFunction } from "../support-function.ts";
import { LOCATE_READ_WIDE, LOCATE_WRITE_WIDE } from "./linear-access.ts";
import { DONE, type SystemEmitter, systemFunction } from "./system-emitter.ts";

const X87_REGISTERS = 8;
const VECTOR_REGISTERS = 16;
const ALIGNMENT_BITS = AREA_REGISTER_BYTES - 1;

/** Where an aligned area in one page is, for an instruction that may be used. Refuses all else. */
const locateArea = (s: SystemEmitter, locate: SupportFunction, address: Value): Value => {
  s.refuseIf(and(s.field(STATE.control), CR0.em | CR0.ts));
  s.refuseIf(and(wrap(address), ALIGNMENT_BITS));
  const area = s.call(locate, address, i32(LEGACY_AREA.bytes), s.pin(s.field(STATE.spaceTag)));
  s.refuseIf(s.isNowhere(area));
  return area;
};

/** Where the block holds a register that is so far from the top of the x87 stack, given the status word. */
const stackRegister = (s: SystemEmitter, status: Value, index: number): Value => {
  const physical = and(add(shrU(status, Math.log2(TOP_STEP)), index), X87_REGISTERS - 1);
  return s.pin(add(shl(physical, Math.log2(X87_REGISTER_BYTES)), s.context.state + STATE.x87Registers));
};

/** (linear address, 1 with REX.W) -> done or refused: FXSAVE in 64-bit code. [SDM2A-3.3 "FXSAVE"] */
export const SAVE_LEGACY_AREA: SupportFunction = systemFunction(
  "saveLegacyArea",
  [TYPE.i64, TYPE.i32],
  (s, parameters) => {
    const { body } = s;
    const [address, isLong] = parameters as [Value, Value];
    const area = locateArea(s, LOCATE_WRITE_WIDE, address);
    const status = s.pin(s.field(STATE.x87Status));
    body.store(2, area, s.field(STATE.x87Control), LEGACY_AREA.control);
    body.store(2, area, status, LEGACY_AREA.status);
    body.store(2, area, and(s.field(STATE.x87Tags), 0xff), LEGACY_AREA.tags);
    body.store(2, area, s.field(STATE.x87Opcode), LEGACY_AREA.opcode);
    for (const { at, offset, selector } of LEGACY_POINTERS) {
      const narrow = or(
        and(s.wideField(offset), i64(0xffff_ffff)),
        shl(widen(and(s.field(selector), 0xffff), false), 32),
      );
      body.store(8, area, select(s.wideField(offset), narrow, isLong), at);
    }
    body.store(4, area, s.field(STATE.mxcsr), LEGACY_AREA.mxcsr);
    body.store(4, area, i32(MXCSR_MASK), LEGACY_AREA.mxcsrMask);
    for (let index = 0; index < X87_REGISTERS; index++) {
      const from = stackRegister(s, status, index);
      const to = LEGACY_AREA.x87 + AREA_REGISTER_BYTES * index;
      const high = load(TYPE.i32, 2, false, from, X87_FIELD.signExponent);
      body.store(8, area, load(TYPE.i64, 8, false, from, X87_FIELD.mantissa), to);
      body.store(8, area, widen(high, false), to + 8);
    }
    for (let index = 0; index < VECTOR_REGISTERS; index++) {
      const vector = load(TYPE.v128, 16, false, i32(s.context.state), STATE.vectors + VECTOR_BYTES * index);
      body.store(16, area, vector, LEGACY_AREA.vectors + AREA_REGISTER_BYTES * index);
    }
    body.push(i32(DONE));
  },
);

/** (linear address, 1 with REX.W) -> done or refused: FXRSTOR in 64-bit code. [SDM2A-3.3 "FXRSTOR"] */
export const RESTORE_LEGACY_AREA: SupportFunction = systemFunction(
  "restoreLegacyArea",
  [TYPE.i64, TYPE.i32],
  (s, parameters) => {
    const { body } = s;
    const [address, isLong] = parameters as [Value, Value];
    const area = locateArea(s, LOCATE_READ_WIDE, address);
    const mxcsr = s.pin(s.read(area, LEGACY_AREA.mxcsr));
    s.refuseIf(and(mxcsr, ~MXCSR_MASK));

    // Nothing can go wrong any more.
    const given = s.read(area, LEGACY_AREA.control, 2);
    const control = s.pin(or(and(given, CONTROL.writable), CONTROL.set));
    const rest = s.pin(and(s.read(area, LEGACY_AREA.status, 2), ~(STATUS.summary | STATUS.busy)));
    const isQuiet = isZero(and(and(rest, STATUS.exceptions), xor(control, -1)));
    const status = s.pin(select(rest, or(rest, STATUS.summary | STATUS.busy), isQuiet));
    s.setField(STATE.x87Control, control);
    s.setField(STATE.x87Status, status);
    s.setField(STATE.x87Tags, s.read(area, LEGACY_AREA.tags, 1));
    s.setField(STATE.x87Opcode, and(s.read(area, LEGACY_AREA.opcode, 2), X87_OPCODE_BITS));
    for (const { at, offset, selector } of LEGACY_POINTERS) {
      const narrow = widen(s.read(area, at), false);
      s.setField(offset, select(load(TYPE.i64, 8, false, area, at), narrow, isLong), 8);
      s.setField(selector, select(i32(0), s.read(area, at + 4, 2), isLong));
    }
    s.setField(STATE.mxcsr, mxcsr);
    for (let index = 0; index < X87_REGISTERS; index++) {
      const to = stackRegister(s, status, index);
      const from = LEGACY_AREA.x87 + AREA_REGISTER_BYTES * index;
      body.store(8, to, load(TYPE.i64, 8, false, area, from), X87_FIELD.mantissa);
      body.store(4, to, s.read(area, from + 8, 2), X87_FIELD.signExponent);
    }
    for (let index = 0; index < VECTOR_REGISTERS; index++) {
      const vector = load(TYPE.v128, 16, false, area, LEGACY_AREA.vectors + AREA_REGISTER_BYTES * index);
      s.setField(STATE.vectors + VECTOR_BYTES * index, vector, 16);
    }
    body.push(i32(DONE));
  },
);
