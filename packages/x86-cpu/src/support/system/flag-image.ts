import { and, i32, isZero, load, or, shl, shrU, TYPE, type Value, widen, xor } from "@xenolith/wasm-emitter";
import {
  adjustFlag,
  carryFlag,
  type FlagValues,
  overflowFlag,
  parityFlag,
  signFlag,
  zeroFlag,
} from "../../machine/conditions.ts";
import { FLAGS_KIND, GIVEN_SHIFT } from "../../state/flags.ts";
import { STATE } from "../../state/layout.ts";
import type { SupportFunction } from "../support-function.ts";
import { SystemEmitter } from "./system-emitter.ts";

/** Positions of the arithmetic flags in EFLAGS. */
const POSITION = { cf: 0, pf: 2, af: 4, zf: 6, sf: 7, of: 11 } as const;

/** The arithmetic flags as in EFLAGS, from their lazy form. */
export const arithmeticImage = (flags: FlagValues): Value =>
  [
    shl(parityFlag(flags), POSITION.pf),
    shl(adjustFlag(flags), POSITION.af),
    shl(zeroFlag(flags), POSITION.zf),
    shl(signFlag(flags), POSITION.sf),
    shl(overflowFlag(flags), POSITION.of),
  ].reduce(or, carryFlag(flags));

/** () -> all flags as in EFLAGS, out of the state block. */
export const FLAG_IMAGE: SupportFunction = {
  name: "flagImage",
  parameters: [],
  results: [TYPE.i32],
  emit(body, context) {
    const s = new SystemEmitter(body, context);
    const wide = (offset: number): Value => s.pin(load(TYPE.i64, 8, false, i32(context.state), offset));
    const flags: FlagValues = {
      kind: null,
      dynamicKind: s.pin(s.field(STATE.flagsKind)),
      a: wide(STATE.flagsA),
      b: wide(STATE.flagsB),
      result: wide(STATE.flagsResult),
    };
    body.push(or(arithmeticImage(flags), s.systemFlags));
  },
};

/** (image): sets the arithmetic flags of the state block as in EFLAGS; see `encodeFlags`. */
export const SET_ARITHMETIC_FLAGS: SupportFunction = {
  name: "setArithmeticFlags",
  parameters: [TYPE.i32],
  results: [],
  emit(body, context) {
    const s = new SystemEmitter(body, context);
    const image = body.parameter(0);
    const bit = (position: number): Value => and(shrU(image, position), 1);
    const isZeroFlag = s.pin(bit(POSITION.zf));
    const given = [
      shl(bit(POSITION.of), GIVEN_SHIFT.of),
      shl(bit(POSITION.af), GIVEN_SHIFT.af),
      shl(bit(POSITION.sf), GIVEN_SHIFT.signInverted),
      shl(xor(bit(POSITION.pf), isZeroFlag), GIVEN_SHIFT.parityInverted),
    ].reduce(or, bit(POSITION.cf));
    s.setField(STATE.flagsKind, i32(FLAGS_KIND.given));
    s.setField(STATE.flagsB, widen(given, false), 8);
    s.setField(STATE.flagsResult, widen(isZero(isZeroFlag), false), 8);
  },
};
