import { SEGMENT } from "@xenolith/x86-architecture";
import { hexadecimal, number64 } from "./format-numbers.ts";
import { registerName } from "./format-registers.ts";
import type { ImmediateOperand, Instruction, MemoryOperand, Operand } from "./instruction.ts";

/** Names for people where the decoder's are its own. */
const NAMES: Readonly<Record<string, string>> = {
  "mov-to-cr": "mov",
  "mov-from-cr": "mov",
  "mov-to-dr": "mov",
  "mov-from-dr": "mov",
  "mov-to-sreg": "mov",
  "mov-from-sreg": "mov",
  "push-sreg": "push",
  "pop-sreg": "pop",
  "call-far": "call",
  "jmp-far": "jmp",
  "ret-far": "retf",
  xlat: "xlatb",
  ud: "(bad)",
  "too-long": "(bad)",
  truncated: "(bad)",
};

/** Names by operand size: 2, 4 and 8 bytes. */
const BY_SIZE: Readonly<Record<string, readonly [string, string, string]>> = {
  cbw: ["cbw", "cwde", "cdqe"],
  cwd: ["cwd", "cdq", "cqo"],
  pushf: ["pushfw", "pushfd", "pushfq"],
  popf: ["popfw", "popfd", "popfq"],
  pusha: ["pushaw", "pushad", "pushad"],
  popa: ["popaw", "popad", "popad"],
  iret: ["iretw", "iretd", "iretq"],
  movd: ["movd", "movd", "movq"],
  pextrd: ["pextrd", "pextrd", "pextrq"],
  pinsrd: ["pinsrd", "pinsrd", "pinsrq"],
};
const STRINGS: ReadonlySet<string> = new Set(["movs", "cmps", "stos", "lods", "scas", "ins", "outs"]);
const BIT_TESTS: ReadonlySet<string> = new Set(["bt", "bts", "btr", "btc"]);
const COMPARING: ReadonlySet<string> = new Set(["cmps", "scas"]);
const SUFFIXES: Readonly<Record<number, string>> = { 1: "b", 2: "w", 4: "d", 8: "q" };
const BY_ADDRESS_SIZE: Readonly<Record<number, string>> = { 2: "jcxz", 4: "jecxz", 8: "jrcxz" };

const nameOf = ({ mnemonic, operandBytes, addressBytes }: Instruction): string => {
  const bySize = BY_SIZE[mnemonic];
  if (bySize !== undefined) return bySize[operandBytes === 2 ? 0 : operandBytes === 8 ? 2 : 1];
  if (STRINGS.has(mnemonic)) return `${mnemonic}${SUFFIXES[operandBytes] ?? ""}`;
  if (mnemonic === "jcxz") return BY_ADDRESS_SIZE[addressBytes] ?? mnemonic;
  return NAMES[mnemonic] ?? mnemonic;
};

const prefixOf = ({ lock, repeat, mnemonic }: Instruction): string => {
  if (lock) return "lock ";
  if (repeat === "none") return "";
  if (repeat === "repne") return "repne ";
  return COMPARING.has(mnemonic) ? "repe " : "rep ";
};

const SIZES: Readonly<Record<number, string>> = {
  1: "byte ptr ",
  2: "word ptr ",
  4: "dword ptr ",
  6: "fword ptr ",
  8: "qword ptr ",
  10: "tbyte ptr ",
  16: "xmmword ptr ",
};
const SEGMENT_NAMES = ["es", "cs", "ss", "ds", "fs", "gs"];

/** BP and SP address the stack. */
const defaultSegment = ({ base }: MemoryOperand): number =>
  base === 4 || base === 5 ? SEGMENT.ss : SEGMENT.ds;

const displacementText = (displacement: number, isAlone: boolean, addressBytes: number): string => {
  if (isAlone) {
    if (addressBytes === 8) return number64(displacement);
    return hexadecimal(addressBytes === 2 ? displacement & 0xffff : displacement >>> 0);
  }
  if (displacement === 0) return "";
  return displacement < 0 ? `-${hexadecimal(-displacement)}` : `+${hexadecimal(displacement)}`;
};

const memoryText = (operand: MemoryOperand, instruction: Instruction): string => {
  const { addressBytes, lengthBytes, mnemonic } = instruction;
  const { base, index, scale, segment, displacement, isRipRelative, sizeBytes } = operand;
  const parts: string[] = [];
  if (isRipRelative) parts.push(addressBytes === 8 ? "rip" : "eip");
  if (base >= 0) parts.push(registerName(base, addressBytes, false));
  if (index >= 0)
    parts.push(`${registerName(index, addressBytes, false)}${scale > 0 ? `*${1 << scale}` : ""}`);
  const distance = isRipRelative ? displacement - lengthBytes : displacement;
  const offset = displacementText(distance, parts.length === 0, addressBytes);
  const override =
    mnemonic === "lea" || segment === defaultSegment(operand) ? "" : `${SEGMENT_NAMES[segment] ?? "?"}:`;
  return `${SIZES[sizeBytes] ?? ""}${override}[${parts.join("+")}${offset}]`;
};

const immediateText = ({ value, high, sizeBytes }: ImmediateOperand, mnemonic: string): string => {
  // The number of a bit is a byte, however the other operand is sized.
  if (BIT_TESTS.has(mnemonic)) return hexadecimal(value & 0xff);
  if (sizeBytes === 8) return hexadecimal(BigInt.asUintN(64, (BigInt(high) << 32n) | BigInt(value >>> 0)));
  const mask = sizeBytes === 1 ? 0xff : sizeBytes === 2 ? 0xffff : 0xffff_ffff;
  return hexadecimal((value & mask) >>> 0);
};

const targetText = (distance: number, instruction: Instruction, instructionPointer: number): string => {
  const target = instructionPointer + instruction.lengthBytes + distance;
  if (instruction.operandBytes === 8) return number64(target);
  return hexadecimal(instruction.operandBytes === 2 ? target & 0xffff : target >>> 0);
};

const operandText = (operand: Operand, instruction: Instruction, instructionPointer: number): string => {
  switch (operand.kind) {
    case "register":
      return registerName(operand.register, operand.sizeBytes, operand.high);
    case "memory":
      return memoryText(operand, instruction);
    case "immediate":
      return immediateText(operand, instruction.mnemonic);
    case "relative":
      return targetText(operand.distance, instruction, instructionPointer);
    case "far":
      return `${hexadecimal(operand.selector)}:${hexadecimal(operand.offset)}`;
    case "segment":
      return SEGMENT_NAMES[operand.register] ?? "?";
    case "control":
      return `cr${operand.register}`;
    case "debug":
      return `dr${operand.register}`;
    case "x87":
      return `st(${operand.register})`;
    case "mmx":
      return `mm${operand.register}`;
    default:
      return `xmm${operand.register}`;
  }
};

/**
 * An instruction in Intel syntax, as `add dword ptr [eax+ecx*4+0x10], 5`. Numbers below 10 are decimal, others hexadecimal.
 * @param instructionPointer - offset in CS at which it lies: targets of branches are given as such offsets.
 */
export const formatInstruction = (instruction: Instruction, instructionPointer: number): string => {
  const name = `${prefixOf(instruction)}${nameOf(instruction)}`;
  const operands = instruction.operands.map((operand) =>
    operandText(operand, instruction, instructionPointer),
  );
  return operands.length === 0 ? name : `${name} ${operands.join(", ")}`;
};
