import { gateSelector, type PackedFault, SYSTEM_TYPE } from "@xenolith/x86-architecture";
import type { ProcessorCore } from "../engine/system-operations.ts";
import {
  type Descriptor,
  isCodeOrData,
  isNullSelector,
  isPresent,
  privilegeOf,
  selectorError,
  systemType,
} from "./descriptor.ts";
import { lookUpDescriptor } from "./descriptor-tables.ts";
import { generalProtection, invalidTss, segmentNotPresent } from "./faults.ts";

const AVAILABLE: readonly number[] = [SYSTEM_TYPE.tss, SYSTEM_TYPE.tss16];
const BUSY: readonly number[] = [SYSTEM_TYPE.busyTss, SYSTEM_TYPE.busyTss16];

/** Bit of a selector that names the local table: a task state segment is never there. */
const LOCAL_TABLE = 4;

const isOfType = (descriptor: Descriptor, types: readonly number[]): boolean =>
  !isCodeOrData(descriptor) && types.includes(systemType(descriptor));

/** Whether tasks can be switched: not in IA-32e mode, nor where a monitor keeps the descriptor tables. [SDM3A-7.7] */
export const hasTasks = ({ state, environment }: ProcessorCore): boolean =>
  !state.isLongMode && !environment.isMonitored;

/** Whether a descriptor leads to another task: a task gate or a task state segment, available or busy. */
export const isTaskDescriptor = (descriptor: Descriptor): boolean =>
  isOfType(descriptor, [SYSTEM_TYPE.taskGate, ...AVAILABLE, ...BUSY]);

/** The available task state segment that a task gate names, or the fault. [SDM3A-7.2.5] */
export const lookUpGateTask = (
  core: ProcessorCore,
  gate: Descriptor,
  external: number,
): Descriptor | PackedFault => {
  const selector = gateSelector(gate.low);
  const error = selectorError(selector, external);
  if (isNullSelector(selector) || (selector & LOCAL_TABLE) !== 0) return generalProtection(error);
  const descriptor = lookUpDescriptor(core, selector);
  if (typeof descriptor === "number") return descriptor;
  if (descriptor === null || !isOfType(descriptor, AVAILABLE)) return generalProtection(error);
  return isPresent(descriptor) ? descriptor : segmentNotPresent(error);
};

/** The task state segment behind what a far jump or call names: {@link isTaskDescriptor} holds of it. [SDM3A-7.3] */
export const lookUpTransferTask = (core: ProcessorCore, descriptor: Descriptor): Descriptor | PackedFault => {
  const error = selectorError(descriptor.selector);
  const privilege = privilegeOf(descriptor);
  if (privilege < core.state.privilege || privilege < (descriptor.selector & 3)) {
    return generalProtection(error);
  }
  const isGate = systemType(descriptor) === SYSTEM_TYPE.taskGate;
  const isInLocalTable = (descriptor.selector & LOCAL_TABLE) !== 0;
  if (!isGate && (isInLocalTable || !isOfType(descriptor, AVAILABLE))) return generalProtection(error);
  if (!isPresent(descriptor)) return segmentNotPresent(error);
  return isGate ? lookUpGateTask(core, descriptor, 0) : descriptor;
};

/** The busy task state segment that a nested task returns to, or the fault. */
export const lookUpReturnTask = (core: ProcessorCore, selector: number): Descriptor | PackedFault => {
  const error = selectorError(selector);
  if (isNullSelector(selector) || (selector & LOCAL_TABLE) !== 0) return invalidTss(error);
  const descriptor = lookUpDescriptor(core, selector);
  if (typeof descriptor === "number") return descriptor;
  if (descriptor === null || !isOfType(descriptor, BUSY)) return invalidTss(error);
  return isPresent(descriptor) ? descriptor : segmentNotPresent(error);
};
