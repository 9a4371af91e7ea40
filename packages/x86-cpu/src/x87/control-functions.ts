import { add, and, type FunctionBody, i32, or, select, TYPE, xor } from "@xenolith/wasm-emitter";
import { named, when } from "../floating-point/emit.ts";
import { STATE } from "../state/layout.ts";
import type { SupportContext, SupportFunction } from "../support/support-function.ts";
import { STATUS, X87Registers } from "./registers.ts";
import { X87_POP } from "./results.ts";

const { i32: I32 } = TYPE;

/** Bits of the control word that can be written; bit 6 reads as 1. */
const CONTROL_BITS = 0x1f3f;
const CONTROL_FIXED = 0x40;

/** (control word) -> (): loads it, and finds out anew whether an unmasked exception is pending. [SDM2A-3.3 "FLDCW"] */
export const X87_LOAD_CONTROL: SupportFunction = {
  name: "x87-load-control",
  parameters: [I32],
  results: [],
  emit(body: FunctionBody, context: SupportContext): void {
    const control = named(body, or(and(body.parameter(0), CONTROL_BITS), CONTROL_FIXED));
    body.store(4, i32(0), control, context.state + STATE.x87Control);
    const registers = new X87Registers(body, context);
    const { status } = registers;
    const unmasked = and(and(status, STATUS.exceptions), xor(control, -1));
    const summary = select(i32(STATUS.summary | STATUS.busy), i32(0), unmasked);
    registers.setStatus(or(and(status, ~(STATUS.summary | STATUS.busy)), summary));
  },
};

/** (16 i, pops) -> (): empties ST(i). */
export const X87_FREE: SupportFunction = {
  name: "x87-free",
  parameters: [I32, I32],
  results: [],
  emit(body: FunctionBody, context: SupportContext): void {
    const registers = new X87Registers(body, context);
    registers.markEmpty(named(body, registers.place(body.parameter(0))));
    when(body, body.parameter(1), () => body.call(context.indexOf(X87_POP)));
  },
};

/** (0x800 or -0x800) -> (): moves TOP by a register, whatever is there. [SDM2A-3.3 "FINCSTP"] */
export const X87_TURN: SupportFunction = {
  name: "x87-turn",
  parameters: [I32],
  results: [],
  emit(body: FunctionBody, context: SupportContext): void {
    const registers = new X87Registers(body, context);
    const { status } = registers;
    const top = and(add(status, body.parameter(0)), STATUS.top);
    registers.setStatus(or(and(status, ~(STATUS.top | STATUS.c1)), top));
  },
};
