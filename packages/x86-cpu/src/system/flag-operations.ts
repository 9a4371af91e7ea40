import { FLAG } from "@xenolith/x86-architecture";
import type { Instruction } from "../decoder/instruction.ts";
import {
  OUTCOME,
  type Outcome,
  type ProcessorCore,
  type SystemOperation,
} from "../engine/system-operations.ts";
import { generalProtection } from "./faults.ts";
import { changeableFlags, ioPrivilege, mayChangeInterruptFlag } from "./flag-permissions.ts";
import { stackBytes } from "./instruction-flow.ts";
import {
  acceptsVirtualImage,
  changeVirtualInterrupts,
  hasVirtualFlags,
  takeVirtualInterrupts,
  virtualImage,
} from "./virtual-interrupts.ts";
import { peekStack, pushValues, releaseStack } from "./wide-stack.ts";

/** CLI or STI without IOPL: the monitor's affair where there is one. */
const refuseWithoutIoPrivilege = (core: ProcessorCore): Outcome | null => {
  if (mayChangeInterruptFlag(core.state)) return null;
  return core.environment.isMonitored ? OUTCOME.privileged : generalProtection(0);
};

const clearInterrupts = (core: ProcessorCore): Outcome => {
  const virtual = changeVirtualInterrupts(core, false);
  if (virtual !== null) return virtual;
  const refused = refuseWithoutIoPrivilege(core);
  if (refused !== null) return refused;
  core.state.systemFlags &= ~FLAG.if;
  return OUTCOME.next;
};

/** STI lets interrupts in only after one more instruction, unless they were let in already. [SDM2-4.3] */
const setInterrupts = (core: ProcessorCore): Outcome => {
  const virtual = changeVirtualInterrupts(core, true);
  if (virtual !== null) return virtual;
  const refused = refuseWithoutIoPrivilege(core);
  if (refused !== null) return refused;
  if ((core.state.systemFlags & FLAG.if) !== 0) return OUTCOME.next;
  core.state.systemFlags |= FLAG.if;
  return OUTCOME.shadow;
};

/** Whether flags may not be seen or changed: in virtual-8086 mode without IOPL, but for 16 bits of them with virtual ones. */
const areFlagsForbidden = ({ state }: ProcessorCore, instruction: Instruction): boolean =>
  state.isVirtual8086 && ioPrivilege(state) < 3 && !(hasVirtualFlags(state) && stackBytes(instruction) === 2);

/** PUSHF: VM and RF read as 0. [SDM2-4.3] */
const pushFlags = (core: ProcessorCore, instruction: Instruction): Outcome => {
  if (areFlagsForbidden(core, instruction)) return generalProtection(0);
  const { flags } = core.state;
  const seen = hasVirtualFlags(core.state) ? virtualImage(flags) : flags;
  return pushValues(core, [BigInt((seen & ~(FLAG.vm | FLAG.rf)) >>> 0)], stackBytes(instruction));
};

/** POPF: what may not be changed stays, without a fault; RF becomes 0. [SDM2-4.3] */
const popFlags = (core: ProcessorCore, instruction: Instruction): Outcome => {
  const { state } = core;
  if (areFlagsForbidden(core, instruction)) return generalProtection(0);
  const sizeBytes = stackBytes(instruction);
  const value = peekStack(core, 0, sizeBytes);
  if (typeof value === "number") return value;
  const isVirtual = hasVirtualFlags(state);
  if (isVirtual && !acceptsVirtualImage(state, value.low)) return generalProtection(0);
  releaseStack(core, sizeBytes);
  const width = sizeBytes === 2 ? 0xffff : 0xffff_ffff;
  const changeable = changeableFlags(state) & width;
  const kept = state.flags & ~changeable & (sizeBytes === 2 ? 0xffff_ffff : ~FLAG.rf);
  state.flags = kept | (value.low & changeable);
  if (isVirtual) takeVirtualInterrupts(state, value.low);
  return OUTCOME.next;
};

/** CLI, STI, PUSHF, POPF. */
export const FLAG_OPERATIONS: Readonly<Record<string, SystemOperation>> = {
  cli: clearInterrupts,
  sti: setInterrupts,
  pushf: pushFlags,
  popf: popFlags,
};
