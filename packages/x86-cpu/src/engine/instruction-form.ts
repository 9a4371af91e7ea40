import { REGISTER, SEGMENT } from "@xenolith/x86-architecture";
import type { Instruction, MemoryOperand, Operand } from "../decoder/instruction.ts";
import { CONDITIONS } from "../decoder/opcode-table.ts";
import { X87_MNEMONICS } from "../decoder/x87-table.ts";
import { formKey, type OperandForm } from "../machine/form.ts";
import { repeatedMnemonic } from "../meanings/strings.ts";
import { controlMnemonic, segmentMnemonic } from "../meanings/system.ts";
import { isFlat, type Mode, UNIT } from "./mode.ts";

const DIRECT_JUMPS: ReadonlySet<string> = new Set([...CONDITIONS.map((name) => `j${name}`), "jmp"]);
const COUNTED_JUMPS: ReadonlySet<string> = new Set(["loop", "loope", "loopne", "jcxz"]);
/** Whether a mnemonic is that of a branch that may go on behind itself. */
export const isConditionalBranch = (mnemonic: string): boolean =>
  COUNTED_JUMPS.has(mnemonic) || (DIRECT_JUMPS.has(mnemonic) && mnemonic !== "jmp");

/** Instructions that come in one size whatever the prefixes say. */
const ONE_SIZE: ReadonlySet<string> = new Set([
  "clc",
  "stc",
  "cmc",
  "cld",
  "std",
  "cmpxchg8b",
  "wait",
  ...X87_MNEMONICS,
]);
const SHIFTS: ReadonlySet<string> = new Set([
  "shl",
  "shr",
  "sar",
  "rol",
  "ror",
  "rcl",
  "rcr",
  "shld",
  "shrd",
]);
const STRINGS: ReadonlySet<string> = new Set(["movs", "stos", "lods", "scas", "cmps"]);
const COMPARING_STRINGS: ReadonlySet<string> = new Set(["scas", "cmps"]);
/** x87 instructions that write their memory operand. */
const X87_STORES = /^f(?:n?st|ist|bst|nsave)/;

/** Instructions whose first operand, if in memory, is only read. */
const READ_ONLY_FIRST: ReadonlySet<string> = new Set([
  "cmp",
  "test",
  "push",
  "bt",
  "mul",
  "imul",
  "div",
  "idiv",
  "call",
  "jmp",
  "ldmxcsr",
  "clflush",
  "clflushopt",
  "clwb",
  ...[...X87_MNEMONICS].filter((mnemonic) => !X87_STORES.test(mnemonic)),
]);

/** Whether an instruction is one of the five string instructions that generated code does. */
export const isString = (instruction: Instruction): boolean => STRINGS.has(instruction.mnemonic);

/** Which addresses a string instruction uses, and whether it writes its destination. */
export const stringAddresses = (
  mnemonic: string,
): { readonly source: boolean; readonly destination: boolean; readonly writes: boolean } => ({
  source: mnemonic === "movs" || mnemonic === "lods" || mnemonic === "cmps",
  destination: mnemonic !== "lods",
  writes: mnemonic === "movs" || mnemonic === "stos",
});

/** Bits of an offset that an address size keeps. */
export const addressMask = (addressBytes: number): number =>
  addressBytes === 2 ? 0xffff : addressBytes === 4 ? 0xffff_ffff : -1;

/** Which addresses of a string instruction are its index registers as they are: whole, in flat segments; or are not used. */
export const directAddresses = (
  { mnemonic, addressBytes, segment }: Instruction,
  mode: Mode,
): { readonly source: boolean; readonly destination: boolean } => {
  const uses = stringAddresses(mnemonic);
  const isPlain = addressBytes === (mode.codeBytes === 8 ? 8 : 4);
  return {
    source: !uses.source || (isPlain && isFlat(mode, segment)),
    destination: !uses.destination || (isPlain && isFlat(mode, SEGMENT.es)),
  };
};

/** Whether an instruction is repeated. */
export const isRepeated = (instruction: Instruction): boolean =>
  instruction.repeat !== "none" && isString(instruction);

/** System instructions that are mostly followed by the instruction behind them, at once or when what they call has returned. */
const RESUMED: ReadonlySet<string> = new Set([
  "int",
  "int3",
  "syscall",
  "invlpg",
  "sti",
  "in",
  "out",
  "rdtsc",
  "rdtscp",
  "fxsave",
  "fxrstor",
]);
/** System instructions behind which a block ends, where generated code does them. */
const TRANSFERS: ReadonlySet<string> = new Set([...RESUMED, "iret", "sysenter", "sysexit"]);
const SEGMENT_LOADS: ReadonlySet<string> = new Set(["mov-to-sreg", "pop-sreg"]);

/** Whether a block ends behind an instruction without a link to where it goes on: system instructions that do much. */
export const isSystemTransfer = ({ mnemonic, operands }: Instruction): boolean => {
  const first = operands[0];
  const isLoadOfStack = first?.kind === "segment" && first.register === SEGMENT.ss;
  return TRANSFERS.has(mnemonic) || (isLoadOfStack && SEGMENT_LOADS.has(mnemonic));
};

/** Whether control mostly comes to the instruction behind a system instruction. */
export const isResumed = ({ mnemonic }: Instruction): boolean =>
  RESUMED.has(mnemonic) || mnemonic === "cpuid" || mnemonic === "cli";

/** Whether nothing can follow in a block: control goes elsewhere, or may come back to the same instruction. */
export const endsBlock = (instruction: Instruction): boolean => {
  const { mnemonic } = instruction;
  return (
    DIRECT_JUMPS.has(mnemonic) ||
    COUNTED_JUMPS.has(mnemonic) ||
    mnemonic === "call" ||
    mnemonic === "ret" ||
    isSystemTransfer(instruction) ||
    isRepeated(instruction)
  );
};

/** Whether a bit string in memory is addressed by a register. */
export const isBitString = (instruction: Instruction): boolean =>
  instruction.operands[0]?.kind === "memory" &&
  instruction.operands[1]?.kind === "register" &&
  (instruction.mnemonic === "bt" ||
    instruction.mnemonic === "bts" ||
    instruction.mnemonic === "btr" ||
    instruction.mnemonic === "btc");

/** The memory operand and whether it is written, if there is one that is accessed. */
export const memoryOperand = ({
  mnemonic,
  operands,
}: Instruction): { readonly operand: MemoryOperand; readonly isWrite: boolean } | null => {
  if (mnemonic === "nop") return null;
  for (let position = 0; position < operands.length; position++) {
    const operand = operands[position];
    if (operand?.kind !== "memory") continue;
    return { operand, isWrite: position === 0 && !READ_ONLY_FIRST.has(mnemonic) };
  }
  return null;
};

/** Displacement of a memory operand: POP counts with the stack pointer already moved. [SDM2B-4.3 "POP"] */
export const displacementOf = (instruction: Instruction, operand: MemoryOperand): number =>
  instruction.mnemonic === "pop" && operand.base === REGISTER.rsp
    ? operand.displacement + instruction.operandBytes
    : operand.displacement;

/** The count of a shift by an immediate, as the processor masks it, or null. */
const immediateCount = (instruction: Instruction): number | null => {
  const count = instruction.operands.at(-1);
  if (count?.kind !== "immediate" || !SHIFTS.has(instruction.mnemonic)) return null;
  return count.value & (instruction.operandBytes === 8 ? 63 : 31);
};

const operandForm = (operand: Operand): OperandForm | null => {
  switch (operand.kind) {
    case "register":
    case "memory":
    case "immediate":
    case "xmm":
    case "mmx":
    case "x87":
    case "segment":
    case "control":
      return { kind: operand.kind, sizeBytes: operand.sizeBytes };
    default:
      return null;
  }
};

/** The bit of the {@link UNIT} that an instruction works with, or 0. Those on general registers that came with SSE need none. */
export const unitOf = (instruction: Instruction): number => {
  const { mnemonic, operands } = instruction;
  if (mnemonic === "wait") return UNIT.wait;
  if (X87_MNEMONICS.has(mnemonic)) return UNIT.x87;
  if (mnemonic === "ldmxcsr" || mnemonic === "stmxcsr") return UNIT.vectors;
  if (operands.some(({ kind }) => kind === "xmm")) return UNIT.vectors;
  return mnemonic === "emms" || operands.some(({ kind }) => kind === "mmx") ? UNIT.x87 : 0;
};

/** Mnemonic that forms carry: one that names a segment or control register tells which. */
const formMnemonic = ({ mnemonic, operands }: Instruction): string => {
  const segment = operands.find(({ kind }) => kind === "segment");
  if (segment?.kind === "segment") return segmentMnemonic(mnemonic, segment.register);
  const control = operands.find(({ kind }) => kind === "control");
  return control?.kind === "control" ? controlMnemonic(mnemonic, control.register) : mnemonic;
};

/** Instructions without effect here; fences are, as one processor runs at a time and makes its accesses in order. */
const DOES_NOTHING: ReadonlySet<string> = new Set(["nop", "pause", "lfence", "mfence", "sfence"]);

/** Key of the form that does an instruction, if generated code can do it. */
export const instructionFormKey = (instruction: Instruction): string => {
  const { mnemonic, operandBytes, addressBytes } = instruction;
  if (DOES_NOTHING.has(mnemonic)) return formKey("nop", 4, []);
  if (isString(instruction)) return formKey(stringMnemonic(instruction), operandBytes, []);
  if (COUNTED_JUMPS.has(mnemonic)) return formKey(mnemonic, addressBytes, []);
  const operands: OperandForm[] = [];
  for (const operand of instruction.operands) {
    const form = operandForm(operand);
    if (form !== null) operands.push(form);
    else if (operand.kind !== "relative") return `${mnemonic} has no form`;
  }
  if (immediateCount(instruction) === 0) return formKey("no-shift", operandBytes, operands.slice(0, 1));
  if (ONE_SIZE.has(mnemonic) || (DIRECT_JUMPS.has(mnemonic) && operands.length === 0))
    return formKey(mnemonic, 4, operands);
  return formKey(formMnemonic(instruction), operandBytes, operands);
};

const stringMnemonic = ({ mnemonic, repeat }: Instruction): string => {
  if (repeat === "none") return mnemonic;
  return repeatedMnemonic(mnemonic, COMPARING_STRINGS.has(mnemonic) ? repeat : "rep");
};

/** Offset in CS of the target of a direct branch, given where the instruction behind it is; null for what is none. */
export const directTarget = (
  { operands, operandBytes }: Instruction,
  next: number,
  mode: Mode,
): number | null => {
  const relative = operands[0];
  if (relative?.kind !== "relative") return null;
  const target = next + relative.distance;
  if (mode.codeBytes === 8) return target;
  return (target & (operandBytes === 2 ? 0xffff : 0xffff_ffff)) >>> 0;
};
