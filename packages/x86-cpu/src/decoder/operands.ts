import { REGISTER, SEGMENT } from "@xenolith/x86-architecture";
import type { ByteReader } from "./byte-reader.ts";
import type { Encoding } from "./encoding.ts";
import type { ImmediateOperand, MemoryOperand, Operand, SpecialOperand } from "./instruction.ts";
import { decodeMemory } from "./memory-operand.ts";
import type { OperandCode } from "./operand-codes.ts";

/** Reads an operand, taking the bytes it needs. */
export type OperandReader = (encoding: Encoding) => Operand;

const REX_PRESENT = 0x40;
const REGISTERS = 16;
const LARGEST_REGISTER = 8;

/** Operands that are registers are the same for all instructions. */
const general: readonly Operand[] = Array.from(
  { length: REGISTERS * (LARGEST_REGISTER + 1) },
  (_, index) => ({
    kind: "register",
    register: index % REGISTERS,
    high: false,
    sizeBytes: Math.floor(index / REGISTERS),
  }),
);
const highBytes: readonly Operand[] = Array.from({ length: 4 }, (_, register) => ({
  kind: "register",
  register,
  high: true,
  sizeBytes: 1,
}));

const special = (kind: SpecialOperand["kind"], count: number, sizeBytes: number): readonly Operand[] =>
  Array.from({ length: count }, (_, register) => ({ kind, register, high: false, sizeBytes }));

const xmm = special("xmm", REGISTERS, 16);
const mmx = special("mmx", 8, 8);
const segments = special("segment", 8, 2);

/** One of a list; BOUNDS: numbers of registers are masked to what encodings can say. */
const from = (operands: readonly Operand[], number: number): Operand => operands[number] as Operand;

const fixed = (number: number, sizeBytes: number): Operand => from(general, REGISTERS * sizeBytes + number);

const register = (number: number, sizeBytes: number, rex: number): Operand => {
  const isHigh = sizeBytes === 1 && number >= 4 && number < 8 && (rex & REX_PRESENT) === 0;
  return isHigh ? from(highBytes, number - 4) : fixed(number, sizeBytes);
};

const immediate = (value: number, sizeBytes: number): ImmediateOperand => ({
  kind: "immediate",
  value,
  high: value >> 31,
  sizeBytes,
});

const segmentOperand = (number: number): Operand => from(segments, number);

const opcodeRegister = (encoding: Encoding): number => (encoding.opcode & 7) | (encoding.rex & 1 ? 8 : 0);

const isRegisterForm = (encoding: Encoding): boolean => encoding.modRm >= 0xc0;

const rmRegister = (encoding: Encoding, sizeBytes: number): Operand =>
  register((encoding.modRm & 7) | (encoding.rex & 1 ? 8 : 0), sizeBytes, encoding.rex);

const regNumber = (encoding: Encoding): number => ((encoding.modRm >> 3) & 7) | (encoding.rex & 4 ? 8 : 0);

const registerOrMemory = (encoding: Encoding, sizeBytes: number): Operand =>
  isRegisterForm(encoding) ? rmRegister(encoding, sizeBytes) : decodeMemory(encoding, sizeBytes);

const memoryOnly = (encoding: Encoding, sizeBytes: number): Operand => {
  if (isRegisterForm(encoding)) {
    encoding.isValid = false;
    return rmRegister(encoding, 4);
  }
  return decodeMemory(encoding, sizeBytes);
};

const registerOnly = (encoding: Encoding, sizeBytes: number): Operand => {
  if (!isRegisterForm(encoding)) {
    encoding.isValid = false;
    return decodeMemory(encoding, sizeBytes);
  }
  return rmRegister(encoding, sizeBytes);
};

const absoluteMemory = (encoding: Encoding, sizeBytes: number): MemoryOperand => {
  const { reader } = encoding;
  const displacement =
    encoding.addressBytes === 2
      ? reader.u16()
      : encoding.addressBytes === 4
        ? reader.i32()
        : readWideAddress(reader);
  const segment = encoding.segment < 0 ? SEGMENT.ds : encoding.segment;
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
const sizedImmediate = (encoding: Encoding): Operand => {
  if (encoding.operandBytes === 2) return immediate(encoding.reader.i16(), 2);
  return immediate(encoding.reader.i32(), encoding.operandBytes);
};

const wideImmediate = (encoding: Encoding): Operand => {
  if (encoding.operandBytes !== 8) return sizedImmediate(encoding);
  const value = encoding.reader.i32();
  return { kind: "immediate", value, high: encoding.reader.i32(), sizeBytes: 8 };
};

const relative = (encoding: Encoding): Operand => {
  const isShort = encoding.operandBytes === 2;
  return { kind: "relative", distance: isShort ? encoding.reader.i16() : encoding.reader.i32() };
};

const farPointer = (encoding: Encoding): Operand => {
  const offset = encoding.operandBytes === 2 ? encoding.reader.u16() : encoding.reader.i32() >>> 0;
  return { kind: "far", selector: encoding.reader.u16(), offset };
};

/** MOV to and from control and debug registers: general register whatever the mode field. [SDM2B-4.3] */
const systemRegister = (encoding: Encoding, kind: "control" | "debug"): Operand => {
  const number = regNumber(encoding);
  const exists =
    kind === "debug"
      ? number < 8
      : number === 0 || number === 2 || number === 3 || number === 4 || (number === 8 && encoding.code === 8);
  if (!exists) encoding.isValid = false;
  return { kind, register: number, high: false, sizeBytes: encoding.code === 8 ? 8 : 4 };
};

const segmentRegister = (encoding: Encoding): Operand => {
  const number = (encoding.modRm >> 3) & 7;
  const isCodeLoad = number === SEGMENT.cs && encoding.opcode === 0x8e;
  if (number > SEGMENT.gs || isCodeLoad) encoding.isValid = false;
  return segmentOperand(number);
};

/** 4 bytes, or 8 with REX.W or VEX.W. */
const wideSize = (encoding: Encoding): number => (encoding.rex & 8 ? 8 : 4);

/** A vector or MMX register by ModRM.rm, or memory. */
const vectorOrMemory = (encoding: Encoding, kind: "xmm" | "mmx", memoryBytes: number): Operand => {
  if (!isRegisterForm(encoding)) return decodeMemory(encoding, memoryBytes);
  const number = encoding.modRm & 7;
  return kind === "mmx" ? from(mmx, number) : from(xmm, number | (encoding.rex & 1 ? 8 : 0));
};

/** The same, where memory is not legal. */
const vectorOnly = (encoding: Encoding, kind: "xmm" | "mmx", memoryBytes: number): Operand => {
  if (!isRegisterForm(encoding)) encoding.isValid = false;
  return vectorOrMemory(encoding, kind, memoryBytes);
};

/** Four bytes of a register, or less of memory. */
const partOfRegister = (encoding: Encoding, memoryBytes: number): Operand =>
  isRegisterForm(encoding) ? rmRegister(encoding, 4) : decodeMemory(encoding, memoryBytes);

/** The bytes that rDI points to in DS or the segment of a prefix. */
const destinationMemory = (encoding: Encoding, sizeBytes: number): MemoryOperand => ({
  kind: "memory",
  segment: encoding.segment < 0 ? SEGMENT.ds : encoding.segment,
  base: REGISTER.rdi,
  index: -1,
  scale: 0,
  displacement: 0,
  isRipRelative: false,
  sizeBytes,
});

/** What reads the operand of a code. */
export const OPERAND_READERS: Readonly<Record<OperandCode, OperandReader>> = {
  Eb: (encoding) => registerOrMemory(encoding, 1),
  Ew: (encoding) => registerOrMemory(encoding, 2),
  Ed: (encoding) => registerOrMemory(encoding, Math.min(encoding.operandBytes, 4)),
  Ev: (encoding) => registerOrMemory(encoding, encoding.operandBytes),
  Gb: (encoding) => register(regNumber(encoding), 1, encoding.rex),
  Gw: (encoding) => register(regNumber(encoding), 2, encoding.rex),
  Gv: (encoding) => register(regNumber(encoding), encoding.operandBytes, encoding.rex),
  M: (encoding) => memoryOnly(encoding, 0),
  Md: (encoding) => memoryOnly(encoding, 4),
  Mq: (encoding) => memoryOnly(encoding, 8),
  Mb: (encoding) => memoryOnly(encoding, 1),
  Mo: (encoding) => memoryOnly(encoding, 16),
  Mv: (encoding) => memoryOnly(encoding, encoding.operandBytes),
  My: (encoding) => memoryOnly(encoding, wideSize(encoding)),
  Mqo: (encoding) => memoryOnly(encoding, encoding.rex & 8 ? 16 : 8),
  Ma: (encoding) => memoryOnly(encoding, 2 * encoding.operandBytes),
  Mp: (encoding) => memoryOnly(encoding, encoding.operandBytes + 2),
  "Mw/Rv": (encoding) =>
    isRegisterForm(encoding) ? rmRegister(encoding, encoding.operandBytes) : decodeMemory(encoding, 2),
  Rv: (encoding) => registerOnly(encoding, encoding.operandBytes),
  Ry: (encoding) => rmRegister(encoding, encoding.code === 8 ? 8 : 4),
  Zb: (encoding) => register(opcodeRegister(encoding), 1, encoding.rex),
  Zv: (encoding) => register(opcodeRegister(encoding), encoding.operandBytes, encoding.rex),
  Ib: (encoding) => immediate(encoding.reader.i8(), 1),
  Ub: (encoding) => immediate(encoding.reader.u8(), 1),
  Ibs: (encoding) => immediate(encoding.reader.i8(), encoding.operandBytes),
  Iw: (encoding) => immediate(encoding.reader.u16(), 2),
  Iz: (encoding) => sizedImmediate(encoding),
  Iv: (encoding) => wideImmediate(encoding),
  "1": () => immediate(1, 1),
  Jb: (encoding) => ({ kind: "relative", distance: encoding.reader.i8() }),
  Jz: (encoding) => relative(encoding),
  Ap: (encoding) => farPointer(encoding),
  Ob: (encoding) => absoluteMemory(encoding, 1),
  Ov: (encoding) => absoluteMemory(encoding, encoding.operandBytes),
  Sw: (encoding) => segmentRegister(encoding),
  Cy: (encoding) => systemRegister(encoding, "control"),
  Dy: (encoding) => systemRegister(encoding, "debug"),
  Ey: (encoding) => registerOrMemory(encoding, wideSize(encoding)),
  Gd: (encoding) => fixed(regNumber(encoding), 4),
  Gy: (encoding) => fixed(regNumber(encoding), wideSize(encoding)),
  By: (encoding) => fixed(encoding.extraRegister, wideSize(encoding)),
  Ty: (encoding) => registerOnly(encoding, wideSize(encoding)),
  "Rd/Mb": (encoding) => partOfRegister(encoding, 1),
  "Rd/Mw": (encoding) => partOfRegister(encoding, 2),
  "Rd/Md": (encoding) => partOfRegister(encoding, 4),
  Vo: (encoding) => from(xmm, regNumber(encoding)),
  Ydq: (encoding) => destinationMemory(encoding, 8),
  Ydo: (encoding) => destinationMemory(encoding, 16),
  Wo: (encoding) => vectorOrMemory(encoding, "xmm", 16),
  Wq: (encoding) => vectorOrMemory(encoding, "xmm", 8),
  Wd: (encoding) => vectorOrMemory(encoding, "xmm", 4),
  Ww: (encoding) => vectorOrMemory(encoding, "xmm", 2),
  Uo: (encoding) => vectorOnly(encoding, "xmm", 16),
  Pq: (encoding) => from(mmx, regNumber(encoding) & 7),
  Qq: (encoding) => vectorOrMemory(encoding, "mmx", 8),
  Qd: (encoding) => vectorOrMemory(encoding, "mmx", 4),
  Nq: (encoding) => vectorOnly(encoding, "mmx", 8),
  AL: () => fixed(REGISTER.rax, 1),
  rAX: (encoding) => fixed(REGISTER.rax, encoding.operandBytes),
  zAX: (encoding) => fixed(REGISTER.rax, Math.min(encoding.operandBytes, 4)),
  CL: () => fixed(REGISTER.rcx, 1),
  DX: () => fixed(REGISTER.rdx, 2),
  ES: () => segmentOperand(0),
  CS: () => segmentOperand(1),
  SS: () => segmentOperand(2),
  DS: () => segmentOperand(3),
  FS: () => segmentOperand(4),
  GS: () => segmentOperand(5),
};
