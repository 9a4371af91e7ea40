import {
  Code,
  CpuidFeature,
  Decoder,
  DecoderOptions,
  type Instruction as IcedInstruction,
  MemorySizeExt,
  Mnemonic,
  OpKind,
  Register,
} from "iced-x86";
import type { CodeBytes } from "../../src/decoder/index.ts";
import type { Instruction, MemoryOperand, Operand } from "../../src/decoder/instruction.ts";

/** What another decoder says of an instruction, in words that ours can be put in too. */
export interface Opinion {
  readonly name: string;
  /** Form in the other decoder's own terms. */
  readonly code: string;
  readonly lengthBytes: number;
  readonly isInvalid: boolean;
  readonly features: readonly string[];
  readonly operands: readonly string[];
  readonly lock: boolean;
}

const named = (enumeration: object): ReadonlyMap<number, string> =>
  new Map(Object.entries(enumeration).map(([name, number]) => [number as number, name]));

const MNEMONICS = named(Mnemonic);
const CODES = named(Code);
const REGISTERS = named(Register);
const FEATURES = named(CpuidFeature);

const SEGMENTS = ["es", "cs", "ss", "ds", "fs", "gs"];
const LEGACY = ["ax", "cx", "dx", "bx", "sp", "bp", "si", "di"];

const masked = (value: bigint | number, sizeBytes: number): string =>
  BigInt.asUintN(8 * sizeBytes, BigInt(value)).toString(16);

/** `r3.4` for EBX, `r0h` for AH, `xmm5`, `cr0`, `es` … */
const registerName = (register: number): string => {
  const name = (REGISTERS.get(register) ?? "").toLowerCase();
  const high = /^([acdb])h$/.exec(name)?.[1];
  if (high !== undefined) return `r${"acdb".indexOf(high)}h`;
  const numbered = /^r(\d+)([lwd]?)$/.exec(name);
  if (numbered !== null) {
    const sizes: Readonly<Record<string, number>> = { l: 1, w: 2, d: 4 };
    return `r${numbered[1]}.${sizes[numbered[2] ?? ""] ?? 8}`;
  }
  const byte = ["al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil"].indexOf(name);
  if (byte >= 0) return `r${byte}.1`;
  const legacy = LEGACY.indexOf(name.slice(-2));
  if (legacy < 0 || name.length > 3) return name;
  return `r${legacy}.${name.length === 2 ? 2 : name[0] === "e" ? 4 : 8}`;
};

/** In 64-bit code only FS and GS override: the other decoder names all, to print them. */
const theirSegment = (instruction: IcedInstruction, code: CodeBytes): string => {
  const { segmentPrefix, memoryBase: base } = instruction;
  const isOverridden = segmentPrefix !== Register.None && segmentPrefix < Register.FS;
  if (code !== 8 || !isOverridden) return SEGMENTS[instruction.memorySegment - Register.ES] ?? "?";
  const name = registerName(base);
  return name === "r4.8" || name === "r4.4" || name === "r5.8" || name === "r5.4" ? "ss" : "ds";
};

const theirMemory = (instruction: IcedInstruction, ours: Instruction, code: CodeBytes): string => {
  const { memoryBase: base, memoryIndex: index } = instruction;
  const number = (register: number): string =>
    register === Register.None ? "" : registerName(register).replace(/\..*/, "");
  const isRelative = base === Register.RIP || base === Register.EIP;
  return [
    theirSegment(instruction, code),
    isRelative ? "ip" : number(base),
    index === Register.None ? "" : `${number(index)}*${instruction.memoryIndexScale}`,
    masked(instruction.memoryDisplacement, ours.addressBytes),
    hasUnsizedMemory(ours) ? 0 : MemorySizeExt.size(instruction.memorySize),
  ].join(" ");
};

/** Whether our memory operand leaves its size to the instruction. */
const hasUnsizedMemory = ({ operands }: Instruction): boolean =>
  operands.some(({ kind, ...rest }) => kind === "memory" && "sizeBytes" in rest && rest.sizeBytes === 0);

const BRANCH_BYTES: Readonly<Record<number, number>> = {
  [OpKind.NearBranch16]: 2,
  [OpKind.NearBranch32]: 4,
  [OpKind.NearBranch64]: 8,
};

const theirOperand = (
  instruction: IcedInstruction,
  position: number,
  ours: Instruction,
  code: CodeBytes,
): string => {
  const kind = instruction.opKind(position);
  const branch = BRANCH_BYTES[kind];
  if (branch !== undefined) return `to ${masked(instruction.nearBranchTarget, branch)}`;
  switch (kind) {
    case OpKind.Register:
      return registerName(instruction.opRegister(position));
    case OpKind.Memory:
      return `[${theirMemory(instruction, ours, code)}]`;
    case OpKind.FarBranch16:
      return `${instruction.farBranchSelector}:${instruction.farBranch16}`;
    case OpKind.FarBranch32:
      return `${instruction.farBranchSelector}:${instruction.farBranch32}`;
    default: {
      if (kind >= OpKind.Immediate8 && kind <= OpKind.Immediate32to64) {
        const operand = ours.operands[position];
        return masked(instruction.immediate(position), operand?.kind === "immediate" ? operand.sizeBytes : 8);
      }
      return `implicit ${theirSegment(instruction, code)}`;
    }
  }
};

/** Asks the other decoder. `ours` says how wide addresses and immediates are to be written. */
export const opinionOf = (bytes: Uint8Array, ours: Instruction, code: CodeBytes): Opinion => {
  const decoder = new Decoder(8 * code, bytes, DecoderOptions.None);
  const instruction = decoder.decode();
  const isInvalid = instruction.code === Code.INVALID;
  const opinion: Opinion = {
    name: (MNEMONICS.get(instruction.mnemonic) ?? "").toLowerCase(),
    code: CODES.get(instruction.code) ?? "",
    lengthBytes: instruction.length,
    isInvalid,
    features: [...instruction.cpuidFeatures()].map((feature) => FEATURES.get(feature) ?? ""),
    operands: isInvalid
      ? []
      : Array.from({ length: instruction.opCount }, (_, position) =>
          theirOperand(instruction, position, ours, code),
        ),
    lock: instruction.hasLockPrefix,
  };
  instruction.free();
  decoder.free();
  return opinion;
};

const ourMemory = (operand: MemoryOperand, { addressBytes }: Instruction): string =>
  [
    SEGMENTS[operand.segment] ?? "?",
    operand.isRipRelative ? "ip" : operand.base < 0 ? "" : `r${operand.base}`,
    operand.index < 0 ? "" : `r${operand.index}*${2 ** operand.scale}`,
    masked(operand.displacement, addressBytes),
    operand.sizeBytes,
  ].join(" ");

const SPECIAL: Readonly<Record<string, string>> = { control: "cr", debug: "dr", mmx: "mm", x87: "st" };

/** An operand of ours in the words of {@link Opinion}. */
export const operandText = (operand: Operand, instruction: Instruction, code: CodeBytes): string => {
  switch (operand.kind) {
    case "register":
      return operand.high ? `r${operand.register}h` : `r${operand.register}.${operand.sizeBytes}`;
    case "memory":
      return `[${ourMemory(operand, instruction)}]`;
    case "immediate":
      return masked((BigInt(operand.high) << 32n) | BigInt(operand.value >>> 0), operand.sizeBytes);
    case "relative": {
      const width = code === 8 ? 8 : instruction.operandBytes;
      return `to ${masked(instruction.lengthBytes + operand.distance, width)}`;
    }
    case "far":
      return `${operand.selector}:${operand.offset}`;
    case "segment":
      return SEGMENTS[operand.register] ?? "?";
    default:
      return `${SPECIAL[operand.kind] ?? operand.kind}${operand.register}`;
  }
};
