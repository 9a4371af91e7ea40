import {
  FLAG,
  gateOffset,
  gateSelector,
  type PackedFault,
  REGISTER,
  SEGMENT,
  SYSTEM_TYPE,
} from "@xenolith/x86-architecture";
import { OUTCOME, type Outcome, type ProcessorCore } from "../engine/system-operations.ts";
import { CLEARED_BY_DELIVERY } from "../state/flags.ts";
import { addressOfWords, isCanonical, valueOfAddress } from "./canonical.ts";
import { lookUpCode, prepareCodeSegment } from "./code-segment.ts";
import {
  type Descriptor,
  isCodeOrData,
  isConformingCode,
  isPresent,
  isWideCode,
  nullSegment,
  privilegeOf,
  selectorError,
  systemType,
} from "./descriptor.ts";
import { generalProtection, segmentNotPresent, stackFault } from "./faults.ts";
import { IDT_ERROR, type InterruptEvent } from "./interrupt-event.ts";
import { readInterruptStack, readPrivilegeStack } from "./task-state.ts";
import { pushWideFrame } from "./wide-stack.ts";

const GATE_BYTES = 16;

/** A gate of IA-32e mode. [SDM3A-6.14.1] */
interface LongGate {
  readonly selector: number;
  readonly offset: number;
  /** Which stack of the interrupt stack table; 0: none. */
  readonly interruptStack: number;
  readonly masks: boolean;
}

const readGate = (core: ProcessorCore, event: InterruptEvent, external: number): LongGate | PackedFault => {
  const { state, memory } = core;
  const error = event.vector * 8 + IDT_ERROR;
  const { base, limit } = state.idtr;
  if (event.vector * GATE_BYTES + GATE_BYTES - 1 > limit) return generalProtection(error | external);
  const at = base + event.vector * GATE_BYTES;
  const fault = memory.read64(at, "supervisor");
  if (fault !== 0) return fault;
  const descriptor: Descriptor = { selector: error, low: memory.low, high: memory.high };
  const upperFault = memory.read64(at + 8, "supervisor");
  if (upperFault !== 0) return upperFault;
  const type = systemType(descriptor);
  const isGate =
    !isCodeOrData(descriptor) && (type === SYSTEM_TYPE.interruptGate || type === SYSTEM_TYPE.trapGate);
  if (!isGate) return generalProtection(error | external);
  if (event.isSoftware && privilegeOf(descriptor) < state.privilege) return generalProtection(error);
  if (!isPresent(descriptor)) return segmentNotPresent(error | external);
  return {
    selector: gateSelector(descriptor.low),
    offset: addressOfWords(gateOffset(descriptor.low, descriptor.high), memory.low),
    interruptStack: descriptor.high & 7,
    masks: type === SYSTEM_TYPE.interruptGate,
  };
};

/** The stack pointer that the frame is pushed at, 16-aligned, or the fault. [SDM3A-6.14.2] [SDM3A-6.14.5] */
const framePointer = (
  core: ProcessorCore,
  gate: LongGate,
  privilege: number,
  external: number,
): { readonly pointer: number } | PackedFault => {
  const { state } = core;
  const switches = gate.interruptStack !== 0 || privilege < state.privilege;
  let pointer: number;
  if (switches) {
    const stack =
      gate.interruptStack === 0
        ? readPrivilegeStack(core, privilege, external)
        : readInterruptStack(core, gate.interruptStack, external);
    if (typeof stack === "number") return stack;
    pointer = stack.pointer;
  } else pointer = state.addressRegister(REGISTER.rsp);
  if (!isCanonical(pointer)) return stackFault(external);
  return { pointer: pointer - (((pointer % 16) + 16) % 16) };
};

/**
 * Transfers control through the IDT in IA-32e mode, to 64-bit code always. [SDM3A-6.14]
 * @returns `jumped`, or the fault that the delivery met; then no register has changed.
 */
export const deliverLongMode = (core: ProcessorCore, event: InterruptEvent): Outcome => {
  const { state } = core;
  const external = event.isSoftware ? 0 : 1;
  const gate = readGate(core, event, external);
  if (typeof gate === "number") return gate;
  const code = lookUpCode(core, gate.selector, external);
  if (typeof code === "number") return code;
  const privilege = isConformingCode(code) ? Math.max(privilegeOf(code), state.privilege) : privilegeOf(code);
  if (privilege > state.privilege || !isWideCode(code)) {
    return generalProtection(selectorError(gate.selector, external));
  }
  const segment = prepareCodeSegment(core, code, privilege, gate.offset, external);
  if (typeof segment === "number") return segment;
  const frameTop = framePointer(core, gate, privilege, external);
  if (typeof frameTop === "number") return frameTop;
  const { pointer } = frameTop;
  const frame = [
    BigInt(state.selector(SEGMENT.ss)),
    state.wideRegister(REGISTER.rsp),
    BigInt(event.flags >>> 0),
    BigInt(state.selector(SEGMENT.cs)),
    valueOfAddress(event.returnTo),
  ];
  if (event.errorCode >= 0) frame.push(BigInt(event.errorCode));
  const access = privilege < 3 ? "supervisor" : "current";
  const fault = pushWideFrame(core, { pointer, access, errorCode: external }, frame, 8);
  if (fault !== 0) return fault;
  const changesPrivilege = privilege < state.privilege;
  state.systemFlags = state.systemFlags & ~(CLEARED_BY_DELIVERY | (gate.masks ? FLAG.if : 0));
  state.setSegment(SEGMENT.cs, segment);
  if (changesPrivilege) state.setSegment(SEGMENT.ss, nullSegment(privilege));
  state.setAddressRegister(REGISTER.rsp, pointer - 8 * frame.length);
  state.instructionPointer = gate.offset;
  return OUTCOME.jumped;
};
