import { CR4, SEGMENT, type SegmentIndex } from "@xenolith/x86-architecture";
import type { Instruction } from "../decoder/instruction.ts";
import {
  OUTCOME,
  type Outcome,
  type ProcessorCore,
  type SystemOperation,
} from "../engine/system-operations.ts";
import { SEGMENT_BYTES, SEGMENT_FIELD, STATE } from "../state/layout.ts";
import type { VcpuState } from "../state/vcpu-state.ts";
import { isCanonicalValue } from "./canonical.ts";
import { generalProtection, invalidOpcode } from "./faults.ts";

const baseOffset = (segment: SegmentIndex): number =>
  STATE.segments + SEGMENT_BYTES * segment + SEGMENT_FIELD.base;

/** Base of FS or GS, all 64 bits. [SDM3A-3.4.4] */
export const segmentBaseValue = (state: VcpuState, segment: SegmentIndex): bigint =>
  state.wide(baseOffset(segment));

/** Sets the base of FS or GS and nothing else of it. The value is canonical. */
export const setSegmentBaseValue = (state: VcpuState, segment: SegmentIndex, value: bigint): void =>
  state.setWide(baseOffset(segment), value);

const areAllowed = ({ state }: ProcessorCore): boolean =>
  state.isWideCode && (state.control(4) & CR4.fsgsbase) !== 0;

/** RDFSBASE and RDGSBASE, at every privilege: 32 or 64 bits of the base. [SDM2B-4.3] */
const readBase =
  (segment: SegmentIndex): SystemOperation =>
  (core: ProcessorCore, { operands, operandBytes }: Instruction): Outcome => {
    const operand = operands[0];
    if (!areAllowed(core) || operand?.kind !== "register") return invalidOpcode();
    const value = segmentBaseValue(core.state, segment);
    core.state.setWideRegister(operand.register, operandBytes === 8 ? value : value & 0xffff_ffffn);
    return OUTCOME.next;
  };

/** WRFSBASE and WRGSBASE: 32 bits become 64 with zeros, what is not canonical faults. [SDM2D-5.2] */
const writeBase =
  (segment: SegmentIndex): SystemOperation =>
  (core: ProcessorCore, { operands, operandBytes }: Instruction): Outcome => {
    const operand = operands[0];
    if (!areAllowed(core) || operand?.kind !== "register") return invalidOpcode();
    const whole = core.state.wideRegister(operand.register);
    const value = operandBytes === 8 ? whole : whole & 0xffff_ffffn;
    if (!isCanonicalValue(value)) return generalProtection(0);
    setSegmentBaseValue(core.state, segment, value);
    return OUTCOME.next;
  };

/** RDFSBASE RDGSBASE WRFSBASE WRGSBASE, where CR4.FSGSBASE allows them. */
export const SEGMENT_BASES: Readonly<Record<string, SystemOperation>> = {
  rdfsbase: readBase(SEGMENT.fs),
  rdgsbase: readBase(SEGMENT.gs),
  wrfsbase: writeBase(SEGMENT.fs),
  wrgsbase: writeBase(SEGMENT.gs),
};
