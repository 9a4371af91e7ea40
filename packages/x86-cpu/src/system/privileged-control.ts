import { type LinearAddress, toLinearAddress } from "@xenolith/machine-interface";
import type { Instruction } from "../decoder/instruction.ts";
import {
  OUTCOME,
  type Outcome,
  type ProcessorCore,
  type SystemOperation,
} from "../engine/system-operations.ts";
import { invalidOpcode } from "./faults.ts";
import { refuseOutsideRing0 } from "./instruction-flow.ts";

/** INVLPG: forgets one page; the address is not checked against the segment. [SDM2-3.2] */
const invalidatePage = (core: ProcessorCore, instruction: Instruction): Outcome => {
  const operand = instruction.operands[0];
  if (operand?.kind !== "memory") return invalidOpcode();
  const refused = refuseOutsideRing0(core);
  if (refused !== null) return refused;
  const offset = core.operands.offsetOf(instruction, operand);
  const at: LinearAddress = toLinearAddress((core.state.segment(operand.segment).base + offset) >>> 0);
  core.invalidate(at);
  return OUTCOME.next;
};

/** There is no cache that could differ from memory. */
const flushCache = (core: ProcessorCore): Outcome => refuseOutsideRing0(core) ?? OUTCOME.next;

const halt = (core: ProcessorCore): Outcome => refuseOutsideRing0(core) ?? OUTCOME.halt;

/** INVLPG, INVD, WBINVD, HLT. */
export const PRIVILEGED_CONTROL: Readonly<Record<string, SystemOperation>> = {
  invlpg: invalidatePage,
  invd: flushCache,
  wbinvd: flushCache,
  hlt: halt,
};
