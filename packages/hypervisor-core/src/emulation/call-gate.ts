import { toLinearAddress } from "@xenolith/machine-interface";
import {
  ATTRIBUTE,
  type DescriptorSource,
  descriptorAttributes,
  descriptorDpl,
  gateOffset,
  gateSelector,
  type PackedFault,
  packFault,
  REGISTER,
  SEGMENT,
  type SegmentIndex,
  type SegmentState,
  SYSTEM_TYPE,
  type VcpuContext,
  VECTOR,
} from "@xenolith/x86-architecture";
import {
  isFault,
  isWithinLimit,
  loadStackSegment,
  selectorFault,
  takeSegment,
} from "../delivery/segment-loading.ts";
import { kernelRing } from "../rings.ts";
import type { Vcpu } from "../vcpu.ts";
import { EMULATED, type EmulationOutcome } from "./outcome.ts";

/**
 * Call gates of 32-bit guests. They are kept with level 0, so that using one is a general protection fault that names it; the
 * level that the guest gave lies in the RPL of the selector. [XEN arch-x86/xen.h] [SDM2-3.2 "CALL"]
 */

/** A far call or jump: what the gate needs to know of it. */
interface FarTransfer {
  readonly selector: number;
  readonly isJump: boolean;
  readonly lengthBytes: number;
}

const PREFIX_SEGMENTS: ReadonlyMap<number, SegmentIndex> = new Map([
  [0x26, SEGMENT.es],
  [0x2e, SEGMENT.cs],
  [0x36, SEGMENT.ss],
  [0x3e, SEGMENT.ds],
  [0x64, SEGMENT.fs],
  [0x65, SEGMENT.gs],
]);
const OPERAND_SIZE = 0x66;

const CALL_DIRECT = 0x9a;
const JUMP_DIRECT = 0xea;
const GROUP_5 = 0xff;
const GROUP_5_CALL = 3;
const GROUP_5_JUMP = 5;

const MAX_LENGTH = 15;
const PARAMETER_COUNT = 0x1f;
const WORD_BYTES = 4;

/** Reads the instruction that faulted, byte by byte. null in any reading: it cannot be fetched. */
class InstructionBytes {
  count = 0;
  readonly #vcpu: Vcpu;
  readonly #start: number;

  constructor(vcpu: Vcpu, context: VcpuContext) {
    this.#vcpu = vcpu;
    this.#start = context.segment(SEGMENT.cs).base + context.instructionPointer;
  }

  /** The next `bytes` bytes as an unsigned number; NaN where they cannot be read. */
  take(bytes: number): number {
    if (this.count + bytes > MAX_LENGTH) return Number.NaN;
    let value = 0;
    for (let index = 0; index < bytes; index++) {
      const at = (this.#start + this.count + index) >>> 0;
      const byte = this.#vcpu.guestMemory.read(at, 1)?.getUint8(0);
      value += (byte ?? Number.NaN) * 2 ** (8 * index);
    }
    this.count += bytes;
    return value;
  }
}

const scaledIndex = (context: VcpuContext, sib: number): number => {
  const index = (sib >>> 3) & 7;
  return index === REGISTER.rsp ? 0 : context.register(index) * 2 ** (sib >>> 6);
};

/** Linear address of a memory operand with 32-bit addressing. */
const operandAddress = (
  context: VcpuContext,
  code: InstructionBytes,
  modrm: number,
  override: SegmentIndex | undefined,
): number => {
  const mode = modrm >>> 6;
  const sib = (modrm & 7) === REGISTER.rsp ? code.take(1) : null;
  const base = (sib ?? modrm) & 7;
  const isAbsolute = mode === 0 && base === REGISTER.rbp;
  const isOnStack = !isAbsolute && (base === REGISTER.rsp || base === REGISTER.rbp);
  let offset = isAbsolute ? 0 : context.register(base);
  if (sib !== null) offset += scaledIndex(context, sib);
  if (mode === 2 || isAbsolute) offset += code.take(4);
  else if (mode === 1) offset += (code.take(1) << 24) >> 24;
  return context.segment(override ?? (isOnStack ? SEGMENT.ss : SEGMENT.ds)).base + offset;
};

/** The far call or jump at the instruction pointer, or null: it is another instruction, or of 16-bit code. */
const readTransfer = (vcpu: Vcpu, context: VcpuContext): FarTransfer | null => {
  const code = new InstructionBytes(vcpu, context);
  if ((context.segment(SEGMENT.cs).attributes & ATTRIBUTE.big) === 0) return null;
  let opcode = code.take(1);
  let segment: SegmentIndex | undefined;
  let offsetBytes = WORD_BYTES;
  for (; PREFIX_SEGMENTS.has(opcode) || opcode === OPERAND_SIZE; opcode = code.take(1)) {
    if (opcode === OPERAND_SIZE) offsetBytes = 2;
    else segment = PREFIX_SEGMENTS.get(opcode);
  }
  if (opcode === CALL_DIRECT || opcode === JUMP_DIRECT) {
    code.take(offsetBytes);
    return { selector: code.take(2), isJump: opcode === JUMP_DIRECT, lengthBytes: code.count };
  }
  const modrm = opcode === GROUP_5 ? code.take(1) : 0xff;
  const operation = (modrm >>> 3) & 7;
  if (modrm >>> 6 === 3 || (operation !== GROUP_5_CALL && operation !== GROUP_5_JUMP)) return null;
  const at = (operandAddress(context, code, modrm, segment) + offsetBytes) >>> 0;
  const selector = vcpu.guestMemory.read(at, 2)?.getUint16(0, true) ?? Number.NaN;
  return { selector, isJump: operation === GROUP_5_JUMP, lengthBytes: code.count };
};

/** The code segment that a gate leads to for code at `privilege`, with the RPL of the ring that it runs in; or a fault. */
const loadTarget = (
  source: DescriptorSource,
  selector: number,
  privilege: number,
  isJump: boolean,
): SegmentState | PackedFault => {
  if (!source.read(selector)) return selectorFault(VECTOR.generalProtection, selector);
  const attributes = descriptorAttributes(source.high);
  const level = descriptorDpl(source.high);
  const isConforming = (attributes & ATTRIBUTE.conforming) !== 0;
  const isCode = (attributes & ATTRIBUTE.codeOrData) !== 0 && (attributes & ATTRIBUTE.code) !== 0;
  const isReachable = !isJump || isConforming ? level <= privilege : level === privilege;
  if (!isCode || !isReachable) return selectorFault(VECTOR.generalProtection, selector);
  if ((attributes & ATTRIBUTE.present) === 0) return selectorFault(VECTOR.segmentNotPresent, selector);
  const ring = isJump || isConforming ? privilege : level;
  return takeSegment(source, (selector & 0xfffc) | ring);
};

/** Pushes words below a stack pointer, the first one highest. @returns the new stack pointer, or a fault */
const pushWords = (
  vcpu: Vcpu,
  stack: SegmentState,
  pointer: number,
  words: readonly number[],
): { readonly pointer: number } | PackedFault => {
  const lower = (pointer - WORD_BYTES * words.length) >>> 0;
  if (!isWithinLimit(stack, lower, WORD_BYTES * words.length))
    return selectorFault(VECTOR.stackFault, stack.selector);
  const bytes = new Uint8Array(Uint32Array.from(words.toReversed()).buffer);
  const isWritten = vcpu.guestMemory.copyTo((stack.base + lower) >>> 0, bytes);
  return isWritten ? { pointer: lower } : packFault(VECTOR.pageFault, 0);
};

/** Parameters on the stack of the caller, the last one pushed first. null: they cannot be read. */
const readParameters = (vcpu: Vcpu, context: VcpuContext, count: number): number[] | null => {
  const { base } = context.segment(SEGMENT.ss);
  const view = vcpu.guestMemory.read(
    toLinearAddress((base + context.register(REGISTER.rsp)) >>> 0),
    WORD_BYTES * count,
  );
  if (view === null) return null;
  return Array.from({ length: count }, (_, index) => view.getUint32(WORD_BYTES * (count - 1 - index), true));
};

/**
 * Emulates a far transfer through a call gate that has raised a general protection fault with `errorCode`. null: the fault
 * has another reason.
 */
export const emulateCallGate = (
  vcpu: Vcpu,
  context: VcpuContext,
  errorCode: number,
): EmulationOutcome | null => {
  const { descriptors, domain } = vcpu;
  if (domain.width === "x86_64" || descriptors === null || (errorCode & 0xfffc) === 0 || errorCode & 3)
    return null;
  if (!descriptors.read(errorCode)) return null;
  const { low, high } = descriptors;
  const isGate = (descriptorAttributes(high) & 0x1f) === SYSTEM_TYPE.callGate && descriptorDpl(high) === 0;
  const { privilege } = context;
  const level = gateSelector(low) & 3;
  if (!isGate || level < privilege) return null;
  const transfer = readTransfer(vcpu, context);
  if (transfer === null || (transfer.selector & 0xfffc) !== errorCode || (transfer.selector & 3) > level)
    return null;
  if ((descriptorAttributes(high) & ATTRIBUTE.present) === 0)
    return packFault(VECTOR.segmentNotPresent, errorCode);

  const offset = gateOffset(low, high);
  const code = loadTarget(descriptors, gateSelector(low) & 0xfffc, privilege, transfer.isJump);
  if (isFault(code)) return code;
  if (offset > code.limit) return packFault(VECTOR.generalProtection, 0);
  if (!transfer.isJump) {
    const ring = code.selector & 3;
    const isInner = ring < privilege;
    if (isInner && ring !== kernelRing(domain.width)) return null;
    const own = context.segment(SEGMENT.ss);
    const stack = isInner ? loadStackSegment(descriptors, vcpu.kernelStack.selector, ring) : own;
    if (isFault(stack)) return selectorFault(VECTOR.invalidTss, vcpu.kernelStack.selector);
    const parameters = isInner ? readParameters(vcpu, context, high & PARAMETER_COUNT) : [];
    if (parameters === null) return packFault(VECTOR.pageFault, 0);
    const pointer = context.register(REGISTER.rsp);
    const back = [
      context.segment(SEGMENT.cs).selector,
      (context.instructionPointer + transfer.lengthBytes) >>> 0,
    ];
    const words = isInner ? [own.selector, pointer, ...parameters, ...back] : back;
    const pushed = pushWords(vcpu, stack, isInner ? vcpu.kernelStack.pointer : pointer, words);
    if (typeof pushed === "number") return pushed;
    context.setSegment(SEGMENT.ss, stack);
    context.setRegister(REGISTER.rsp, pushed.pointer);
  }
  context.setSegment(SEGMENT.cs, code);
  context.instructionPointer = offset;
  return EMULATED.next;
};
