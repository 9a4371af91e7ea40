import { CR0, packFault, VECTOR } from "@xenolith/x86-architecture";
import { accessFault, isAccessFault, OUTCOME, type SystemOperation } from "../engine/system-operations.ts";
import { MMX_STATE } from "../machine/mmx.ts";
import { STATE, X87_REGISTER_BYTES } from "../state/layout.ts";
import { refuseVectors } from "./unavailable-units.ts";

/** All ones in each byte of a word whose byte has its top bit set. */
const spreadTopBits = (word: number): number => Math.imul((word >>> 7) & 0x0101_0101, 0xff) >>> 0;

/**
 * MASKMOVQ through a segment that is not flat. Silicon enters the MMX state first and finds out afterwards that the segment
 * cannot be written. [SDM2B-4.3]
 */
const maskedStore: SystemOperation = (core, instruction) => {
  const { state, operands, memory } = core;
  const [target, value, mask] = instruction.operands;
  if ((state.control(0) & (CR0.em | CR0.ts)) !== 0) return refuseVectors(core, instruction);
  if (target?.kind !== "memory" || value?.kind !== "mmx" || mask?.kind !== "mmx")
    return packFault(VECTOR.invalidOpcode, 0);
  if ((state.u32(STATE.x87Status) & MMX_STATE.errorSummary) !== 0) return packFault(VECTOR.x87Error, 0);
  state.setU32(STATE.x87Status, state.u32(STATE.x87Status) & MMX_STATE.withoutTop);
  state.setU32(STATE.x87Tags, MMX_STATE.allValid);
  const at = operands.linear(target.segment, operands.offsetOf(instruction, target), 8, true);
  if (isAccessFault(at)) return accessFault(at);
  const fault = memory.checkWrite(at, 8) || memory.read64(at);
  if (fault !== 0) return fault;
  const merge = (old: number, half: number): number => {
    const from = (register: number): number =>
      state.u32(STATE.x87Registers + X87_REGISTER_BYTES * register + half);
    const chosen = spreadTopBits(from(mask.register));
    return ((old & ~chosen) | (from(value.register) & chosen)) >>> 0;
  };
  return memory.write64(at, merge(memory.low, 0), merge(memory.high, 4)) || OUTCOME.next;
};

/** MASKMOVQ where generated code leaves it to TypeScript. */
export const MASKED_STORE: Readonly<Record<string, SystemOperation>> = { maskmovq: maskedStore };
