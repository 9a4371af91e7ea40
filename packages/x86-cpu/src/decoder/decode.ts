import { SEGMENT } from "@xenolith/x86-architecture";
import { ByteReader } from "./byte-reader.ts";
import { FEATURE_OF_MNEMONIC } from "./features.ts";
import type { Instruction, Operand, Repeat } from "./instruction.ts";
import { decodeMemory } from "./memory-operand.ts";
import { ONE_BYTE_MAP, PLAIN_ONLY, REGISTER_GROUP_7, REPEATABLE, TWO_BYTE_MAP } from "./opcode-table.ts";
import { type OpcodeEntry, parseOpcodeMap, type Specification } from "./operand-codes.ts";
import { decodeOperand, type OperandContext } from "./operands.ts";
import { type Prefixes, readPrefixes } from "./prefixes.ts";
import { columnOf, isInVectorMap, type VectorMapName, vectorSpecification } from "./vector-map.ts";
import { x87MemoryForm, x87RegisterForm } from "./x87-table.ts";

/** Size of the code being read, in bytes of its default operand size: 16, 32 or 64-bit code. */
export type CodeBytes = 2 | 4 | 8;

/** Longest legal instruction. [SDM2A-2.3.11] */
export const MAX_INSTRUCTION_BYTES = 15;

const oneByte = parseOpcodeMap(ONE_BYTE_MAP);
const twoByte = parseOpcodeMap(TWO_BYTE_MAP);

const undefinedSpecification: Specification = {
  mnemonic: "ud",
  operands: [],
  needsModRm: false,
  lockable: false,
  validIn64: true,
  validOutside64: true,
  size64: "usual",
  fixedSize: null,
  feature: "base",
  vectorSize: "none",
};

/** An instruction as far as its opcode and ModRM byte. */
interface Opened {
  readonly specification: Specification;
  readonly opcode: number;
  readonly modRm: number;
  /** Whether the specification is from a vector map, where 66, F2 and F3 are part of the opcode. */
  readonly isVector: boolean;
  /** As of a REX prefix. */
  readonly rex: number;
  readonly extraRegister: number;
}

const undefinedOpcode = (opcode: number): Opened => ({
  specification: undefinedSpecification,
  opcode,
  modRm: 0,
  isVector: false,
  rex: 0,
  extraRegister: 0,
});

const open = (reader: ByteReader, prefixes: Prefixes, code: CodeBytes): Opened => {
  const first = reader.u8();
  if ((first === 0xc4 || first === 0xc5) && (code === 8 || reader.peek() >= 0xc0)) {
    return openVex(reader, prefixes, first, code);
  }
  if (first !== 0x0f) return openUsual(reader, prefixes, oneByte[first], first, code);
  const second = reader.u8();
  if (second === 0x38) return openVector(reader, prefixes, "0f38", reader.u8());
  if (second === 0x3a) return openVector(reader, prefixes, "0f3a", reader.u8());
  if (isInVectorMap("0f", second)) return openVector(reader, prefixes, "0f", second);
  return openUsual(reader, prefixes, twoByte[second], second, code);
};

const openUsual = (
  reader: ByteReader,
  { rex }: Prefixes,
  entry: OpcodeEntry | null | undefined,
  opcode: number,
  code: CodeBytes,
): Opened => {
  if (!entry) return undefinedOpcode(opcode);
  const modRm = entry.needsModRm ? reader.u8() : 0;
  const group = code === 8 ? entry.group64 : entry.group;
  const specification = (group.length === 1 ? group[0] : group[(modRm >> 3) & 7]) ?? undefinedSpecification;
  return { specification, opcode, modRm, isVector: false, rex, extraRegister: 0 };
};

const openVector = (reader: ByteReader, prefixes: Prefixes, map: VectorMapName, opcode: number): Opened => {
  const modRm = map === "0f" && opcode === EMMS ? 0 : reader.u8();
  const column = columnOf(prefixes.repeat, prefixes.operandSize);
  const specification = vectorSpecification(map, opcode, column, modRm) ?? undefinedSpecification;
  return { specification, opcode, modRm, isVector: true, rex: prefixes.rex, extraRegister: 0 };
};

/** The only one of its map without a ModRM byte. */
const EMMS = 0x77;

/** VEX-coded instructions; only some on general registers are known. [SDM2A-2.3] */
const openVex = (reader: ByteReader, prefixes: Prefixes, first: number, code: CodeBytes): Opened => {
  const second = reader.u8();
  if (first === 0xc5) return undefinedOpcode(first);
  const third = reader.u8();
  const opcode = reader.u8();
  const modRm = reader.u8();
  const map = (second & 31) === 2 ? "vex38" : (second & 31) === 3 ? "vex3a" : null;
  const hasPrefix = prefixes.operandSize || prefixes.repeat !== 0 || prefixes.rex !== 0 || prefixes.lock;
  const isLong = (third & 4) !== 0;
  const known =
    map === null || hasPrefix || isLong ? null : vectorSpecification(map, opcode, third & 3, modRm);
  // An instruction without the operand has all ones in its place. [SDM2A-2.3.5.6]
  const isUndefined = known?.operands.includes("By") === false && (third & 0x78) !== 0x78;
  const rex = code === 8 ? 0x40 | ((second >> 5) ^ 7) | ((third & 0x80) >> 4) : 0;
  return {
    specification: isUndefined ? undefinedSpecification : (known ?? undefinedSpecification),
    opcode,
    modRm,
    isVector: true,
    rex,
    extraRegister: ((third >> 3) ^ 15) & (code === 8 ? 15 : 7),
  };
};

const operandSize = (
  size: Specification["size64"],
  code: CodeBytes,
  short: boolean,
  wide: boolean,
): number => {
  if (code === 8) {
    if (wide || size === "forced64") return 8;
    if (short) return 2;
    return size === "default64" ? 8 : 4;
  }
  return (code === 2) === short ? 4 : 2;
};

const operationSize = (specification: Specification, size: number, isVector: boolean): number => {
  if (isVector && specification.vectorSize === "none") return 4;
  if (specification.fixedSize === "b") return 1;
  if (specification.fixedSize === "w") return 2;
  if (specification.fixedSize === "z") return Math.min(size, 4);
  return size;
};

/** NOP, PAUSE and the two-byte opcodes whose register form means something else. */
const specialMnemonic = (specification: Specification, context: OperandContext, repeats: number): string => {
  const { opcode } = context;
  if (specification.mnemonic === "xchg" && opcode === 0x90 && (context.rex & 1) === 0) {
    return repeats === 0xf3 ? "pause" : "nop";
  }
  if (specification.mnemonic === "x87") {
    const { modRm } = context;
    return (modRm >= 0xc0 ? x87RegisterForm(opcode, modRm) : x87MemoryForm(opcode, modRm)).mnemonic;
  }
  if (specification.mnemonic === "cmpxchg8b" && (context.rex & 8) !== 0) return "cmpxchg16b";
  return specification.mnemonic;
};

const isGroup7Register = (specification: Specification, context: OperandContext): boolean => {
  if (context.modRm < 0xc0) return false;
  const { mnemonic } = specification;
  return (
    mnemonic === "sgdt" ||
    mnemonic === "sidt" ||
    mnemonic === "lgdt" ||
    mnemonic === "lidt" ||
    mnemonic === "invlpg"
  );
};

const undefinedInstruction = (lengthBytes: number, addressBytes: 2 | 4 | 8): Instruction => ({
  mnemonic: "ud",
  lengthBytes,
  operandBytes: 4,
  addressBytes,
  operands: [],
  feature: "base",
  lock: false,
  repeat: "none",
  segment: SEGMENT.ds,
});

/** Opcodes whose F3 or F2 form is another instruction that works on general registers. */
const prefixedMnemonic = (mnemonic: string, repeats: number, opcode: number): string => {
  if (repeats === 0) return mnemonic;
  if (mnemonic === "rdrand" || mnemonic === "rdseed") return "ud";
  if (repeats !== 0xf3) return mnemonic;
  if (mnemonic === "ud" && opcode === 0xb8) return "popcnt";
  if (mnemonic === "bsf") return "tzcnt";
  return mnemonic === "bsr" ? "lzcnt" : mnemonic;
};

/**
 * Decodes one instruction.
 *
 * @param bytes - holds the instruction at `at`; `available` bytes of it may be read.
 * @returns the instruction; mnemonic "truncated" when it goes on beyond what is available, with `lengthBytes` = `available`;
 * "too-long" when it has more than 15 bytes.
 */
export const decode = (bytes: Uint8Array, at: number, available: number, code: CodeBytes): Instruction => {
  const reader = new ByteReader(bytes, at, Math.min(available, MAX_INSTRUCTION_BYTES));
  const prefixes = readPrefixes(reader, code);
  const { specification, opcode, modRm, isVector, rex, extraRegister } = open(reader, prefixes, code);
  const isWide = (rex & 8) !== 0;
  const addressBytes =
    code === 8 ? (prefixes.addressSize ? 4 : 8) : (code === 2) === prefixes.addressSize ? 4 : 2;
  const context: OperandContext = {
    reader,
    code,
    addressBytes,
    modRm,
    opcode,
    rex,
    segment: prefixes.segment,
    operandBytes:
      isVector && specification.vectorSize !== "usual"
        ? isWide
          ? 8
          : 4
        : operandSize(specification.size64, code, prefixes.operandSize, isWide),
    extraRegister,
    isValid: true,
  };
  let mnemonic = isVector
    ? specification.mnemonic
    : prefixedMnemonic(specialMnemonic(specification, context, prefixes.repeat), prefixes.repeat, opcode);
  let operands: Operand[] = [];
  if (isGroup7Register(specification, context)) {
    mnemonic = REGISTER_GROUP_7.get(modRm) ?? "ud";
    if (mnemonic === "swapgs" && code !== 8) mnemonic = "ud";
    if ((prefixes.operandSize || prefixes.repeat !== 0) && PLAIN_ONLY.has(mnemonic)) mnemonic = "ud";
  } else {
    operands = readOperands(specification, mnemonic, context);
  }
  if (reader.isExhausted) return exhausted(reader, available, addressBytes);
  const isLegalHere = code === 8 ? specification.validIn64 : specification.validOutside64;
  const lockIsLegal = !prefixes.lock || (specification.lockable && operands[0]?.kind === "memory");
  if (!context.isValid || !isLegalHere || !lockIsLegal || mnemonic === "ud") {
    return undefinedInstruction(reader.consumed, addressBytes);
  }
  const repeats: Repeat = prefixes.repeat === 0xf3 ? "rep" : prefixes.repeat === 0xf2 ? "repne" : "none";
  if (code === 8) {
    operands = operands.map((operand) =>
      operand.kind === "memory" && operand.isRipRelative
        ? { ...operand, displacement: operand.displacement + reader.consumed }
        : operand,
    );
  }
  return {
    mnemonic,
    lengthBytes: reader.consumed,
    operandBytes: operationSize(specification, context.operandBytes, isVector),
    addressBytes,
    operands,
    feature:
      specification.feature === "base" ? (FEATURE_OF_MNEMONIC[mnemonic] ?? "base") : specification.feature,
    lock: prefixes.lock,
    repeat: REPEATABLE.has(mnemonic) ? repeats : "none",
    segment: prefixes.segment < 0 ? SEGMENT.ds : prefixes.segment,
  };
};

const POPCNT_OPERANDS = ["Gv", "Ev"] as const;

const readOperands = (specification: Specification, mnemonic: string, context: OperandContext): Operand[] => {
  if (mnemonic === "nop" && specification.mnemonic === "xchg") return [];
  if (mnemonic === "pause") return [];
  if (specification.mnemonic === "x87") return readX87Operands(context);
  const codes = mnemonic === "popcnt" ? POPCNT_OPERANDS : specification.operands;
  const operands: Operand[] = [];
  for (const operandCode of codes) operands.push(decodeOperand(operandCode, context));
  if (specification.mnemonic === "ud" && codes.length === 0 && context.modRm !== 0) skipModRm(context);
  return operands;
};

const readX87Operands = (context: OperandContext): Operand[] => {
  const { opcode, modRm } = context;
  if (modRm >= 0xc0) return x87RegisterForm(opcode, modRm).operands;
  return [decodeMemory(context, x87MemoryForm(opcode, modRm).sizeBytes)];
};

/** Takes the bytes of an address that nobody wants, so that the length is right. */
const skipModRm = (context: OperandContext): void => {
  if (context.modRm < 0xc0) decodeOperand("Eb", context);
};

const exhausted = (reader: ByteReader, available: number, addressBytes: 2 | 4 | 8): Instruction => {
  const isTooLong = available >= MAX_INSTRUCTION_BYTES;
  return {
    ...undefinedInstruction(reader.consumed, addressBytes),
    mnemonic: isTooLong ? "too-long" : "truncated",
  };
};
