import { toLinearAddress } from "@xenolith/machine-interface";
import { SEGMENT, type SegmentIndex } from "@xenolith/x86-architecture";
import type { Instruction } from "../decoder/instruction.ts";
import {
  OUTCOME,
  type Outcome,
  type ProcessorCore,
  type SystemOperation,
} from "../engine/system-operations.ts";
import { isCanonical } from "./canonical.ts";
import { invalidOpcode } from "./faults.ts";
import { refuseOutsideRing0 } from "./instruction-flow.ts";

/** Linear address of an offset in a segment, without checks. */
const linearOf = (core: ProcessorCore, segment: SegmentIndex, offset: number): number => {
  const { base } = core.state.segment(segment);
  if (!core.state.isWideCode) return (base + offset) >>> 0;
  return segment === SEGMENT.fs || segment === SEGMENT.gs ? base + offset : offset;
};

/** INVLPG: forgets one page; the address is not checked, and one that is not canonical names none. [SDM2-3.2] */
const invalidatePage = (core: ProcessorCore, instruction: Instruction): Outcome => {
  const operand = instruction.operands[0];
  if (operand?.kind !== "memory") return invalidOpcode();
  const refused = refuseOutsideRing0(core);
  if (refused !== null) return refused;
  const offset = core.operands.offsetOf(instruction, operand);
  const at = linearOf(core, operand.segment, offset);
  if (isCanonical(at)) core.invalidate(toLinearAddress(at));
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
