import { CR0, packFault, REGISTER, VECTOR } from "@xenolith/x86-architecture";
import {
  accessFault,
  isAccessFault,
  OUTCOME,
  type Outcome,
  type ProcessorCore,
  type SystemOperation,
} from "../engine/system-operations.ts";
import { STATE } from "../state/layout.ts";

const CONTROL = STATE.x87Control;
const STATUS = STATE.x87Status;
const TAGS = STATE.x87Tags;

/** After FNINIT: all exceptions masked, 64-bit precision, all registers empty. [SDM1-8.1.5] */
const INITIAL_CONTROL = 0x37f;
const ALL_EMPTY = 0;
/** Status bits that FNCLEX keeps: TOP and the condition codes. */
const KEPT_STATUS = 0x7f00;

/** #NM where the system wants to know of x87 instructions. [SDM3A-2.5] */
const refuse = ({ state }: ProcessorCore): Outcome | null =>
  (state.control(0) & (CR0.em | CR0.ts)) !== 0 ? packFault(VECTOR.deviceNotAvailable, 0) : null;

const initialise: SystemOperation = (core) => {
  const refused = refuse(core);
  if (refused !== null) return refused;
  core.state.setU32(CONTROL, INITIAL_CONTROL);
  core.state.setU32(STATUS, 0);
  core.state.setU32(TAGS, ALL_EMPTY);
  return OUTCOME.next;
};

const clearExceptions: SystemOperation = (core) => {
  const refused = refuse(core);
  if (refused !== null) return refused;
  core.state.setU32(STATUS, core.state.u32(STATUS) & KEPT_STATUS);
  return OUTCOME.next;
};

const storeWord =
  (field: number): SystemOperation =>
  (core, instruction) => {
    const refused = refuse(core);
    if (refused !== null) return refused;
    const value = core.state.u32(field) & 0xffff;
    if (instruction.operands[0]?.kind === "memory") return core.operands.write(instruction, 0, 2, value);
    core.state.setRegister16(REGISTER.rax, value);
    return OUTCOME.next;
  };

const loadControl: SystemOperation = (core, instruction) => {
  const refused = refuse(core);
  if (refused !== null) return refused;
  const value = core.operands.read(instruction, 0, 2);
  if (isAccessFault(value)) return accessFault(value);
  core.state.setU32(CONTROL, value);
  return OUTCOME.next;
};

/** x87 instructions that work on control and status only. [SDM1-8.3.11] */
export const X87_CONTROL: Readonly<Record<string, SystemOperation>> = {
  fninit: initialise,
  fnclex: clearExceptions,
  fnstsw: storeWord(STATUS),
  fnstcw: storeWord(CONTROL),
  fldcw: loadControl,
};
