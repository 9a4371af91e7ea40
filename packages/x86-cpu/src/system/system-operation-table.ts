import type { SystemOperation, SystemOperations } from "../engine/system-operations.ts";
import { CONTROL_REGISTERS } from "./control-registers.ts";
import { DEBUG_REGISTERS } from "./debug-registers.ts";
import { DESCRIPTOR_INSPECTION } from "./descriptor-inspection.ts";
import { callFar } from "./far-call.ts";
import { jumpFar } from "./far-jump.ts";
import { returnFar } from "./far-return.ts";
import { FAST_SYSTEM_CALLS } from "./fast-system-calls.ts";
import { FLAG_OPERATIONS } from "./flag-operations.ts";
import { IDENTIFICATION } from "./identification.ts";
import { returnFromInterrupt } from "./interrupt-return.ts";
import { MODEL_SPECIFIC_REGISTERS } from "./model-specific-registers.ts";
import { PORTS } from "./ports.ts";
import { PRIVILEGED_CONTROL } from "./privileged-control.ts";
import { SEGMENT_BASES } from "./segment-base.ts";
import { SEGMENT_MOVES } from "./segment-moves.ts";
import { interruptBySoftware } from "./software-interrupts.ts";
import { SYSTEM_SEGMENTS } from "./system-segments.ts";
import { TABLE_REGISTERS } from "./table-registers.ts";

/**
 * The operations of the system side, by the decoder's mnemonics. `int`, `int3`, `into` and `int1` are meant for a
 * processor without a monitor; under one the engine exits with the vector of `softwareInterruptVector`.
 */
export const SYSTEM_OPERATIONS: SystemOperations = new Map<string, SystemOperation>(
  Object.entries({
    ...SEGMENT_MOVES,
    ...SEGMENT_BASES,
    ...TABLE_REGISTERS,
    ...SYSTEM_SEGMENTS,
    ...CONTROL_REGISTERS,
    ...DEBUG_REGISTERS,
    ...PRIVILEGED_CONTROL,
    ...FLAG_OPERATIONS,
    ...PORTS,
    ...MODEL_SPECIFIC_REGISTERS,
    ...IDENTIFICATION,
    ...DESCRIPTOR_INSPECTION,
    ...FAST_SYSTEM_CALLS,
    "jmp-far": jumpFar,
    "call-far": callFar,
    "ret-far": returnFar,
    iret: returnFromInterrupt,
    int: interruptBySoftware,
    int3: interruptBySoftware,
    into: interruptBySoftware,
    int1: interruptBySoftware,
  }),
);
