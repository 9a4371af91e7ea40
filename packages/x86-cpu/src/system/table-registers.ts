import type { PackedFault } from "@xenolith/x86-architecture";
import type { Instruction } from "../decoder/instruction.ts";
import {
  accessFault,
  isAccessFault,
  OUTCOME,
  type Outcome,
  type ProcessorCore,
  type SystemOperation,
} from "../engine/system-operations.ts";
import type { TableRegister } from "../state/vcpu-state.ts";
import { addressOfWords, isCanonical, valueOfAddress } from "./canonical.ts";
import { generalProtection, invalidOpcode } from "./faults.ts";
import { refuseOutsideRing0 } from "./instruction-flow.ts";
import { behind, type MemoryPlace, operandPlace } from "./memory-place.ts";

/** Bytes of a limit and a base in memory. */
const pointerBytes = (core: ProcessorCore): number => (core.state.isWideCode ? 10 : 6);

const pointerPlace = (
  core: ProcessorCore,
  instruction: Instruction,
  isWrite: boolean,
): MemoryPlace | PackedFault => {
  const operand = instruction.operands[0];
  if (operand?.kind !== "memory") return invalidOpcode();
  return operandPlace(core, instruction, operand, pointerBytes(core), isWrite);
};

/** Stores a 16-bit limit and a 32-bit base, of 64 bits in 64-bit code. [SDM2-4.3] */
const storeTable = (core: ProcessorCore, instruction: Instruction, table: TableRegister): Outcome => {
  const place = pointerPlace(core, instruction, true);
  if (typeof place === "number") return place;
  const { linear } = place;
  const fault = core.memory.checkWrite(linear, pointerBytes(core));
  if (fault !== 0) return fault;
  const value = valueOfAddress(table.base);
  const low = Number(value & 0xffff_ffffn);
  const at = behind(core, linear, 2);
  const limitFault = core.memory.write16(linear, table.limit);
  if (limitFault !== 0) return limitFault;
  return core.state.isWideCode
    ? core.memory.write64(at, low, Number(value >> 32n))
    : core.memory.write32(at, low);
};

/** Reads limit and base. With 16-bit operands the base has 24 bits, in 64-bit code always 64. [SDM2-3.2] */
const readTable = (core: ProcessorCore, instruction: Instruction): TableRegister | Outcome => {
  const refused = refuseOutsideRing0(core);
  if (refused !== null) return refused;
  const place = pointerPlace(core, instruction, false);
  if (typeof place === "number") return place;
  const { linear } = place;
  const limit = core.memory.read16(linear);
  if (isAccessFault(limit)) return accessFault(limit);
  const at = behind(core, linear, 2);
  if (core.state.isWideCode) {
    const fault = core.memory.read64(at);
    if (fault !== 0) return fault;
    const base = addressOfWords(core.memory.low, core.memory.high);
    return isCanonical(base) ? { limit, base } : generalProtection(0);
  }
  const base = core.memory.read32(at);
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
