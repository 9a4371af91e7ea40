import { and, i32, TYPE } from "@xenolith/wasm-emitter";
import { INITIAL_X87_CONTROL } from "../../state/floating-point-state.ts";
import { STATE } from "../../state/layout.ts";
import { X87_FREE, X87_LOAD_CONTROL, X87_TURN } from "../../x87/control-functions.ts";
import { STATUS } from "../../x87/registers.ts";
import type { Definition, Meaning } from "../definition.ts";
import { setAccumulator, waiting, x87Definition } from "./access.ts";

const word =
  (offset: number): Meaning =>
  (m) => {
    const value = m.stateField(TYPE.i32, 4, offset);
    if (m.isOperand(0, "register")) setAccumulator(m, value);
    else m.write(0, value);
  };

const nothing: Meaning = () => {};

const initialise: Meaning = (m) => {
  m.setStateField(4, STATE.x87Control, i32(INITIAL_X87_CONTROL));
  m.setStateField(4, STATE.x87Status, i32(0));
  m.setStateField(4, STATE.x87Tags, i32(0));
};

/** Keeps TOP and the condition codes. */
const clearExceptions: Meaning = (m) => {
  const status = m.stateField(TYPE.i32, 4, STATE.x87Status);
  m.setStateField(4, STATE.x87Status, and(status, STATUS.codes | STATUS.top));
};

const free = (pops: number): Meaning =>
  waiting((m) => {
    m.call(X87_FREE, m.x87Operand(0), i32(pops));
  });

const turn = (by: number): Meaning =>
  waiting((m) => {
    m.call(X87_TURN, i32(by));
  });

/** What kernels do with the x87 unit without a use for its registers. [SDM1-8.3.11] */
export const x87Environment: readonly Definition[] = [
  x87Definition("fninit", "", initialise),
  x87Definition("fnclex", "", clearExceptions),
  x87Definition("fnop", "", waiting(nothing)),
  x87Definition("wait", "", waiting(nothing)),
  x87Definition("fneni", "", nothing),
  x87Definition("fndisi", "", nothing),
  x87Definition("fnsetpm", "", nothing),
];

/** Instructions on control, status and tags. [SDM1-8.3.11] */
export const x87Control: readonly Definition[] = [
  x87Definition("fnstsw", "r", word(STATE.x87Status)),
  x87Definition("fnstsw", "m", word(STATE.x87Status), 2),
  x87Definition("fnstcw", "m", word(STATE.x87Control), 2),
  x87Definition(
    "fldcw",
    "m",
    waiting((m) => {
      m.call(X87_LOAD_CONTROL, m.read(0, "zero"));
    }),
    2,
  ),
  x87Definition("ffree", "f", free(0)),
  x87Definition("ffreep", "f", free(1)),
  x87Definition("fdecstp", "", turn(-0x800)),
  x87Definition("fincstp", "", turn(0x800)),
];
