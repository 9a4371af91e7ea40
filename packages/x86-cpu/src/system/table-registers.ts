import type { Instruction } from "../decoder/instruction.ts";
import {
  accessFault,
  isAccessFault,
  OUTCOME,
  type Outcome,
  type ProcessorCore,
  type ReadResult,
  type SystemOperation,
} from "../engine/system-operations.ts";
import type { TableRegister } from "../state/vcpu-state.ts";
import { invalidOpcode } from "./faults.ts";
import { refuseOutsideRing0 } from "./instruction-flow.ts";

/** Bytes of a limit and a base in memory. */
const POINTER_BYTES = 6;

/** Linear address of the memory operand, or a negated fault. */
const pointerAddress = (core: ProcessorCore, instruction: Instruction, isWrite: boolean): ReadResult => {
  const operand = instruction.operands[0];
  if (operand?.kind !== "memory") return -invalidOpcode();
  const offset = core.operands.offsetOf(instruction, operand);
  return core.operands.linear(operand.segment, offset, POINTER_BYTES, isWrite);
};

/** Stores a 16-bit limit and a 32-bit base. [SDM2-4.3] */
const storeTable = (core: ProcessorCore, instruction: Instruction, table: TableRegister): Outcome => {
  const at = pointerAddress(core, instruction, true);
  if (isAccessFault(at)) return accessFault(at);
  const fault = core.memory.checkWrite(at, POINTER_BYTES);
  if (fault !== 0) return fault;
  return core.memory.write16(at, table.limit) || core.memory.write32((at + 2) >>> 0, table.base >>> 0);
};

/** Reads limit and base; with 16-bit operands the base has 24 bits. [SDM2-3.2] */
const readTable = (core: ProcessorCore, instruction: Instruction): TableRegister | Outcome => {
  const refused = refuseOutsideRing0(core);
  if (refused !== null) return refused;
  const at = pointerAddress(core, instruction, false);
  if (isAccessFault(at)) return accessFault(at);
  const limit = core.memory.read16(at);
  if (isAccessFault(limit)) return accessFault(limit);
  const base = core.memory.read32((at + 2) >>> 0);
  if (isAccessFault(base)) return accessFault(base);
  return { limit, base: instruction.operandBytes === 2 ? base & 0xff_ffff : base };
};

/** LGDT, LIDT, SGDT, SIDT. */
export const TABLE_REGISTERS: Readonly<Record<string, SystemOperation>> = {
  sgdt: (core, instruction) => storeTable(core, instruction, core.state.gdtr),
  sidt: (core, instruction) => storeTable(core, instruction, core.state.idtr),
  lgdt: (core, instruction) => {
    const table = readTable(core, instruction);
    if (typeof table === "number") return table;
    core.state.gdtr = table;
    return OUTCOME.next;
  },
  lidt: (core, instruction) => {
    const table = readTable(core, instruction);
    if (typeof table === "number") return table;
    core.state.idtr = table;
    return OUTCOME.next;
  },
};
