import { SEGMENT } from "@xenolith/x86-architecture";
import { type CodeBytes, Encoding } from "./encoding.ts";
import { FEATURE_OF_MNEMONIC } from "./features.ts";
import type { Instruction, Operand, Repeat } from "./instruction.ts";
import { decodeMemory, fromStart } from "./memory-operand.ts";
import { noOperands } from "./no-operands.ts";
import { ONE_BYTE_MAP, PLAIN_ONLY, REGISTER_GROUP_7, TWO_BYTE_MAP } from "./opcode-table.ts";
import { OPERAND_READERS, type OperandReader } from "./operands.ts";
import { readPrefixes } from "./prefixes.ts";
import { type OpcodeEntry, parseOpcodeMap, parseSpecification, type Specification } from "./specification.ts";
import { columnOf, VECTOR_MAP, type VectorMap, vectorSpecification } from "./vector-map.ts";
import { x87MemoryForm, x87RegisterForm } from "./x87-table.ts";

/** Longest legal instruction. [SDM2A-2.3.11] */
export const MAX_INSTRUCTION_BYTES = 15;

const oneByte = parseOpcodeMap(ONE_BYTE_MAP);
const twoByte = parseOpcodeMap(TWO_BYTE_MAP);
const vectors = VECTOR_MAP["0f"];

const undefinedSpecification: Specification = parseSpecification("ud");

/** The instruction that is being decoded. */
const present = new Encoding();

/** Takes opcode and ModRM byte. */
const open = (encoding: Encoding): Specification => {
  const { reader, code } = encoding;
  const first = reader.u8();
  if ((first === 0xc4 || first === 0xc5) && (code === 8 || reader.peek() >= 0xc0)) {
    return openVex(encoding, first);
  }
  if (first !== 0x0f) return openUsual(encoding, oneByte[first], first);
  const second = reader.u8();
  if (second === 0x38) return openVector(encoding, VECTOR_MAP["0f38"], reader.u8());
  if (second === 0x3a) return openVector(encoding, VECTOR_MAP["0f3a"], reader.u8());
  if (vectors.rows[second] !== null) return openVector(encoding, vectors, second);
  return openUsual(encoding, twoByte[second], second);
};

const openUsual = (
  encoding: Encoding,
  entry: OpcodeEntry | null | undefined,
  opcode: number,
): Specification => {
  encoding.opcode = opcode;
  if (!entry) return undefinedSpecification;
  if (entry.needsModRm) encoding.modRm = encoding.reader.u8();
  const group = encoding.code === 8 ? entry.group64 : entry.group;
  return (group.length === 1 ? group[0] : group[(encoding.modRm >> 3) & 7]) ?? undefinedSpecification;
};

const openVector = (encoding: Encoding, map: VectorMap, opcode: number): Specification => {
  encoding.opcode = opcode;
  encoding.isVector = true;
  if (map !== vectors || opcode !== EMMS) encoding.modRm = encoding.reader.u8();
  const column = columnOf(encoding.repeat, encoding.hasOperandSize);
  return vectorSpecification(map, opcode, column, encoding.modRm) ?? undefinedSpecification;
};

/** The only one of its map without a ModRM byte. */
const EMMS = 0x77;

/** VEX-coded instructions; only some on general registers are known. [SDM2A-2.3] */
const openVex = (encoding: Encoding, first: number): Specification => {
  const { reader, code } = encoding;
  const second = reader.u8();
  encoding.opcode = first;
  const { rex, repeat, lock, hasOperandSize } = encoding;
  encoding.rex = 0;
  if (first === 0xc5) return undefinedSpecification;
  const third = reader.u8();
  const opcode = reader.u8();
  encoding.opcode = opcode;
  encoding.modRm = reader.u8();
  encoding.isVector = true;
  encoding.rex = code === 8 ? 0x40 | ((second >> 5) ^ 7) | ((third & 0x80) >> 4) : 0;
  encoding.extraRegister = ((third >> 3) ^ 15) & (code === 8 ? 15 : 7);
  const map = (second & 31) === 2 ? VECTOR_MAP.vex38 : (second & 31) === 3 ? VECTOR_MAP.vex3a : null;
  const hasPrefix = hasOperandSize || repeat !== 0 || rex !== 0 || lock;
  const isLong = (third & 4) !== 0;
  if (map === null || hasPrefix || isLong) return undefinedSpecification;
  const known = vectorSpecification(map, opcode, third & 3, encoding.modRm);
  // An instruction without the operand has all ones in its place. [SDM2A-2.3.5.6]
  if (known?.operands.includes("By") === false && (third & 0x78) !== 0x78) return undefinedSpecification;
  return known ?? undefinedSpecification;
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

/** Size of the operands that have no other, or with a vector opcode of the operation. */
const operandBytesOf = (
  { isVector, code, rex, hasOperandSize }: Encoding,
  specification: Specification,
): number => {
  const isWide = (rex & 8) !== 0;
  if (isVector && specification.vectorSize !== "usual") return isWide ? 8 : 4;
  return operandSize(specification.size64, code, hasOperandSize, isWide);
};

const addressBytesOf = ({ code, hasAddressSize }: Encoding): 2 | 4 | 8 => {
  if (code === 8) return hasAddressSize ? 4 : 8;
  return (code === 2) === hasAddressSize ? 4 : 2;
};

const isGroup7Register = ({ mnemonic }: Specification, { modRm }: Encoding): boolean =>
  modRm >= 0xc0 &&
  (mnemonic === "sgdt" ||
    mnemonic === "sidt" ||
    mnemonic === "lgdt" ||
    mnemonic === "lidt" ||
    mnemonic === "invlpg");

/** NOP, PAUSE and the two-byte opcodes whose register form means something else. */
const specialMnemonic = (specification: Specification, encoding: Encoding): string => {
  const { opcode, modRm, rex, repeat, code } = encoding;
  if (specification.mnemonic === "xchg" && opcode === 0x90 && (rex & 1) === 0) {
    return repeat === 0xf3 ? "pause" : "nop";
  }
  if (specification.mnemonic === "x87") {
    return (modRm >= 0xc0 ? x87RegisterForm(opcode, modRm) : x87MemoryForm(opcode, modRm)).mnemonic;
  }
  if (specification.mnemonic === "cmpxchg8b" && (rex & 8) !== 0) return "cmpxchg16b";
  if (!isGroup7Register(specification, encoding)) return specification.mnemonic;
  const mnemonic = REGISTER_GROUP_7.get(modRm) ?? "ud";
  if (mnemonic === "swapgs" && code !== 8) return "ud";
  return (encoding.hasOperandSize || repeat !== 0) && PLAIN_ONLY.has(mnemonic) ? "ud" : mnemonic;
};

/** Opcodes whose F3 or F2 form is another instruction that works on general registers. */
const prefixedMnemonic = (mnemonic: string, repeats: number, opcode: number): string => {
  if (repeats === 0) return mnemonic;
  if (mnemonic === "rdrand" || mnemonic === "rdseed") return "ud";
  if (repeats !== 0xf3) return mnemonic;
  if (mnemonic === "ud" && opcode === 0xb8) return "popcnt";
  if (mnemonic === "bsf") return "tzcnt";
  return mnemonic === "bsr" ? "lzcnt" : mnemonic;
};

/** What an irregular opcode is. */
const irregularMnemonic = (specification: Specification, encoding: Encoding): string =>
  encoding.isVector
    ? specification.mnemonic
    : prefixedMnemonic(specialMnemonic(specification, encoding), encoding.repeat, encoding.opcode);

/**
 * Decodes one instruction.
 *
 * @param bytes - holds the instruction at `at`; `available` bytes of it may be read.
 * @returns the instruction; mnemonic "truncated" when it goes on beyond what is available, with `lengthBytes` = `available`;
 * "too-long" when it has more than 15 bytes.
 */
export const decode = (bytes: Uint8Array, at: number, available: number, code: CodeBytes): Instruction => {
  const encoding = present;
  const { reader } = encoding;
  encoding.start(bytes, at, Math.min(available, MAX_INSTRUCTION_BYTES), code);
  readPrefixes(encoding);
  const specification = open(encoding);
  const addressBytes = addressBytesOf(encoding);
  encoding.addressBytes = addressBytes;
  encoding.operandBytes = operandBytesOf(encoding, specification);
  const { isIrregular } = specification;
  const mnemonic = isIrregular ? irregularMnemonic(specification, encoding) : specification.mnemonic;
  const operands = isIrregular
    ? readIrregular(specification, mnemonic, encoding)
    : readOperands(specification.readers, encoding);
  if (reader.isExhausted) {
    const isTooLong = available >= MAX_INSTRUCTION_BYTES;
    return withoutMeaning(isTooLong ? "too-long" : "truncated", reader.consumed, addressBytes);
  }
  const isLegalHere = code === 8 ? specification.validIn64 : specification.validOutside64;
  const lockIsLegal = !encoding.lock || (specification.lockable && operands[0]?.kind === "memory");
  if (!encoding.isValid || !isLegalHere || !lockIsLegal || mnemonic === "ud") {
    return withoutMeaning("ud", reader.consumed, addressBytes);
  }
  const lengthBytes = reader.consumed;
  if (encoding.isRipRelative) placeOperands(operands, lengthBytes);
  return {
    mnemonic,
    lengthBytes,
    operandBytes: operationSize(specification, encoding.operandBytes, encoding.isVector),
    addressBytes,
    operands,
    feature: isIrregular ? featureOf(specification, mnemonic) : specification.feature,
    lock: encoding.lock,
    repeat: specification.isRepeatable ? repeatOf(encoding) : "none",
    segment: encoding.segment < 0 ? SEGMENT.ds : encoding.segment,
  };
};

const withoutMeaning = (mnemonic: string, lengthBytes: number, addressBytes: 2 | 4 | 8): Instruction => ({
  mnemonic,
  lengthBytes,
  operandBytes: 4,
  addressBytes,
  operands: noOperands(),
  feature: "base",
  lock: false,
  repeat: "none",
  segment: SEGMENT.ds,
});

const repeatOf = ({ repeat }: Encoding): Repeat =>
  repeat === 0xf3 ? "rep" : repeat === 0xf2 ? "repne" : "none";

const featureOf = (specification: Specification, mnemonic: string): Specification["feature"] =>
  mnemonic === specification.mnemonic ? specification.feature : (FEATURE_OF_MNEMONIC[mnemonic] ?? "base");

/** Makes displacements that count from the end of an instruction count from its start. */
const placeOperands = (operands: Operand[], lengthBytes: number): void => {
  for (let position = 0; position < operands.length; position++) {
    const operand = operands[position];
    if (operand?.kind === "memory" && operand.isRipRelative)
      operands[position] = fromStart(operand, lengthBytes);
  }
};

const readOperands = (readers: readonly OperandReader[], encoding: Encoding): Operand[] => {
  const first = readers[0];
  const second = readers[1];
  if (first === undefined) return noOperands();
  if (second === undefined) return [first(encoding)];
  const operands = [first(encoding), second(encoding)];
  for (let position = 2; position < readers.length; position++) {
    const read = readers[position];
    if (read !== undefined) operands.push(read(encoding));
  }
  return operands;
};

const POPCNT_READERS = [OPERAND_READERS.Gv, OPERAND_READERS.Ev];

const readIrregular = (specification: Specification, mnemonic: string, encoding: Encoding): Operand[] => {
  if (mnemonic === "nop" && specification.mnemonic === "xchg") return noOperands();
  if (mnemonic === "pause" || isGroup7Register(specification, encoding)) return noOperands();
  if (specification.mnemonic === "x87") return readX87Operands(encoding);
  if (mnemonic === "popcnt") return readOperands(POPCNT_READERS, encoding);
  const operands = readOperands(specification.readers, encoding);
  if (specification.mnemonic === "ud" && operands.length === 0 && encoding.modRm !== 0) skipModRm(encoding);
  return operands;
};

const readX87Operands = (encoding: Encoding): Operand[] => {
  const { opcode, modRm } = encoding;
  if (modRm >= 0xc0) return x87RegisterForm(opcode, modRm).operands;
  return [decodeMemory(encoding, x87MemoryForm(opcode, modRm).sizeBytes)];
};

/** Takes the bytes of an address that nobody wants, so that the length is right. */
const skipModRm = (encoding: Encoding): void => {
  if (encoding.modRm < 0xc0) decodeMemory(encoding, 1);
};
