import { REGISTER, SEGMENT } from "@xenolith/x86-architecture";
import type { ByteReader } from "./byte-reader.ts";
import type { ImmediateOperand, MemoryOperand, Operand } from "./instruction.ts";
import { decodeMemory } from "./memory-operand.ts";
import type { OperandCode } from "./operand-codes.ts";

/** What an operand is decoded from. `isValid` is cleared where the operand makes the instruction undefined. */
export interface OperandContext {
  readonly reader: ByteReader;
  readonly code: number;
  readonly addressBytes: 2 | 4 | 8;
  readonly modRm: number;
  readonly opcode: number;
  readonly rex: number;
  readonly segment: number;
  readonly operandBytes: number;
  /** Register that VEX.vvvv names. */
  readonly extraRegister: number;
  isValid: boolean;
}

const REX_PRESENT = 0x40;

const register = (number: number, sizeBytes: number, rex: number): Operand => {
  const high = sizeBytes === 1 && number >= 4 && number < 8 && (rex & REX_PRESENT) === 0;
  return { kind: "register", register: high ? number - 4 : number, high, sizeBytes };
};

const fixed = (number: number, sizeBytes: number): Operand => ({
  kind: "register",
  register: number,
  high: false,
  sizeBytes,
});

const immediate = (value: number, sizeBytes: number): ImmediateOperand => ({
  kind: "immediate",
  value,
  high: value >> 31,
  sizeBytes,
});

const segmentOperand = (number: number): Operand => ({ kind: "segment", register: number, sizeBytes: 2 });

const isRegisterForm = (context: OperandContext): boolean => context.modRm >= 0xc0;

const rmRegister = (context: OperandContext, sizeBytes: number): Operand =>
  register((context.modRm & 7) | (context.rex & 1 ? 8 : 0), sizeBytes, context.rex);

const regNumber = (context: OperandContext): number => ((context.modRm >> 3) & 7) | (context.rex & 4 ? 8 : 0);

const registerOrMemory = (context: OperandContext, sizeBytes: number): Operand =>
  isRegisterForm(context) ? rmRegister(context, sizeBytes) : decodeMemory(context, sizeBytes);

const memoryOnly = (context: OperandContext, sizeBytes: number): Operand => {
  if (isRegisterForm(context)) {
    context.isValid = false;
    return rmRegister(context, 4);
  }
  return decodeMemory(context, sizeBytes);
};

const registerOnly = (context: OperandContext, sizeBytes: number): Operand => {
  if (!isRegisterForm(context)) {
    context.isValid = false;
    return decodeMemory(context, sizeBytes);
  }
  return rmRegister(context, sizeBytes);
};

const absoluteMemory = (context: OperandContext, sizeBytes: number): MemoryOperand => {
  const { reader } = context;
  const displacement =
    context.addressBytes === 2
      ? reader.u16()
      : context.addressBytes === 4
        ? reader.i32()
        : readWideAddress(reader);
  const segment = context.segment < 0 ? SEGMENT.ds : context.segment;
  return {
    kind: "memory",
    segment,
    base: -1,
    index: -1,
    scale: 0,
    displacement,
    isRipRelative: false,
    sizeBytes,
  };
};

const readWideAddress = (reader: ByteReader): number => {
  const low = reader.i32() >>> 0;
  return reader.i32() * 0x1_0000_0000 + low;
};

/** Immediate of the operand size; 64-bit operations take 32 bits, sign-extended. */
const sizedImmediate = (context: OperandContext): Operand => {
  if (context.operandBytes === 2) return immediate((context.reader.u16() << 16) >> 16, 2);
  return immediate(context.reader.i32(), context.operandBytes);
};

const wideImmediate = (context: OperandContext): Operand => {
  if (context.operandBytes !== 8) return sizedImmediate(context);
  const value = context.reader.i32();
  return { kind: "immediate", value, high: context.reader.i32(), sizeBytes: 8 };
};

const relative = (context: OperandContext): Operand => {
  const isShort = context.operandBytes === 2;
  return { kind: "relative", distance: isShort ? (context.reader.u16() << 16) >> 16 : context.reader.i32() };
};

const farPointer = (context: OperandContext): Operand => {
  const offset = context.operandBytes === 2 ? context.reader.u16() : context.reader.i32() >>> 0;
  return { kind: "far", offset, selector: context.reader.u16() };
};

/** MOV to and from control and debug registers: general register whatever the mode field. [SDM2B-4.3] */
const systemRegister = (context: OperandContext, kind: "control" | "debug"): Operand => {
  const number = regNumber(context);
  const exists =
    kind === "debug"
      ? number < 8
      : number === 0 || number === 2 || number === 3 || number === 4 || (number === 8 && context.code === 8);
  if (!exists) context.isValid = false;
  return { kind, register: number, sizeBytes: context.code === 8 ? 8 : 4 };
};

const segmentRegister = (context: OperandContext): Operand => {
  const number = (context.modRm >> 3) & 7;
  const isCodeLoad = number === SEGMENT.cs && context.opcode === 0x8e;
  if (number > SEGMENT.gs || isCodeLoad) context.isValid = false;
  return segmentOperand(number);
};

/** 4 bytes, or 8 with REX.W or VEX.W. */
const wideSize = (context: OperandContext): number => (context.rex & 8 ? 8 : 4);

const MEMORY_BYTES: Readonly<Record<string, number>> = { b: 1, w: 2, d: 4, q: 8, o: 16 };

/** A vector or MMX register by ModRM.rm, or memory of the size that the code's last letter tells (not for U and N). */
const vectorOperand = (context: OperandContext, kind: "xmm" | "mmx", code: string): Operand => {
  if (!isRegisterForm(context)) {
    if (code === "Uo" || code === "Nq") context.isValid = false;
    return decodeMemory(context, MEMORY_BYTES[code[1] ?? ""] ?? 0);
  }
  const number = context.modRm & 7;
  if (kind === "mmx") return { kind, register: number, sizeBytes: 8 };
  return { kind, register: number | (context.rex & 1 ? 8 : 0), sizeBytes: 16 };
};

/** The bytes that rDI points to in DS or the segment of a prefix. */
const destinationMemory = (context: OperandContext, sizeBytes: number): MemoryOperand => ({
  kind: "memory",
  segment: context.segment < 0 ? SEGMENT.ds : context.segment,
  base: REGISTER.rdi,
  index: -1,
  scale: 0,
  displacement: 0,
  isRipRelative: false,
  sizeBytes,
});

/** Decodes one operand, taking the bytes it needs. */
export const decodeOperand = (code: OperandCode, context: OperandContext): Operand => {
  const size = context.operandBytes;
  const opcodeRegister = (context.opcode & 7) | (context.rex & 1 ? 8 : 0);
  switch (code) {
    case "Eb":
      return registerOrMemory(context, 1);
    case "Ew":
      return registerOrMemory(context, 2);
    case "Ed":
      return registerOrMemory(context, Math.min(size, 4));
    case "Ev":
      return registerOrMemory(context, size);
    case "Gb":
      return register(regNumber(context), 1, context.rex);
    case "Gw":
      return register(regNumber(context), 2, context.rex);
    case "Gv":
      return register(regNumber(context), size, context.rex);
    case "M":
      return memoryOnly(context, 0);
    case "Md":
      return memoryOnly(context, 4);
    case "Mq":
      return memoryOnly(context, 8);
    case "Mb":
      return memoryOnly(context, 1);
    case "Mo":
      return memoryOnly(context, 16);
    case "Mv":
      return memoryOnly(context, size);
    case "My":
      return memoryOnly(context, wideSize(context));
    case "Mqo":
      return memoryOnly(context, context.rex & 8 ? 16 : 8);
    case "Ma":
      return memoryOnly(context, 2 * size);
    case "Mp":
      return memoryOnly(context, size + 2);
    case "Mw/Rv":
      return isRegisterForm(context) ? rmRegister(context, size) : decodeMemory(context, 2);
    case "Rv":
      return registerOnly(context, size);
    case "Ry":
      return rmRegister(context, context.code === 8 ? 8 : 4);
    case "Zb":
      return register(opcodeRegister, 1, context.rex);
    case "Zv":
      return register(opcodeRegister, size, context.rex);
    case "Ib":
      return immediate(context.reader.i8(), 1);
    case "Ub":
      return immediate(context.reader.u8(), 1);
    case "Ibs":
      return immediate(context.reader.i8(), size);
    case "Iw":
      return immediate(context.reader.u16(), 2);
    case "Iz":
      return sizedImmediate(context);
    case "Iv":
      return wideImmediate(context);
    case "1":
      return immediate(1, 1);
    case "Jb":
      return { kind: "relative", distance: context.reader.i8() };
    case "Jz":
      return relative(context);
    case "Ap":
      return farPointer(context);
    case "Ob":
      return absoluteMemory(context, 1);
    case "Ov":
      return absoluteMemory(context, size);
    case "Sw":
      return segmentRegister(context);
    case "Cy":
      return systemRegister(context, "control");
    case "Dy":
      return systemRegister(context, "debug");
    case "Ey":
      return registerOrMemory(context, wideSize(context));
    case "Gd":
      return fixed(regNumber(context), 4);
    case "Gy":
      return fixed(regNumber(context), wideSize(context));
    case "By":
      return fixed(context.extraRegister, wideSize(context));
    case "Ty":
      return registerOnly(context, wideSize(context));
    case "Rd/Mb":
    case "Rd/Mw":
    case "Rd/Md":
      return isRegisterForm(context)
        ? rmRegister(context, 4)
        : decodeMemory(context, MEMORY_BYTES[code.at(-1) ?? ""] ?? 0);
    case "Vo":
      return { kind: "xmm", register: regNumber(context), sizeBytes: 16 };
    case "Ydq":
    case "Ydo":
      return destinationMemory(context, MEMORY_BYTES[code[2] ?? ""] ?? 0);
    case "Wo":
    case "Wq":
    case "Wd":
    case "Ww":
    case "Uo":
      return vectorOperand(context, "xmm", code);
    case "Pq":
      return { kind: "mmx", register: regNumber(context) & 7, sizeBytes: 8 };
    case "Qq":
    case "Qd":
    case "Nq":
      return vectorOperand(context, "mmx", code);
    case "AL":
      return fixed(REGISTER.rax, 1);
    case "rAX":
      return fixed(REGISTER.rax, size);
    case "zAX":
      return fixed(REGISTER.rax, Math.min(size, 4));
    case "CL":
      return fixed(REGISTER.rcx, 1);
    case "DX":
      return fixed(REGISTER.rdx, 2);
    default:
      return segmentOperand(["ES", "CS", "SS", "DS", "FS", "GS"].indexOf(code));
  }
};
