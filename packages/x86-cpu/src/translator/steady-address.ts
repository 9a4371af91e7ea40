import type { Instruction } from "../decoder/instruction.ts";
import { displacementOf, isBitString, memoryOperand } from "../engine/instruction-form.ts";
import { isFlat, type Mode } from "../engine/mode.ts";
import type { PlacedInstruction, RegionBlock } from "./region-block.ts";
import { registersWritten } from "./register-use.ts";

/** A loop with more instructions is not worth a further copy. */
const MOST_INSTRUCTIONS = 24;
/** With longer strides a page lasts only a few turns. */
const LONGEST_STRIDE = 512;
/** Their addresses are not those of their operands. */
const STRINGS = /^(rep|movs[bwdq]?$|stos|lods|scas|cmps|ins|outs|xlat|maskmov)/;

/** An instruction of a loop whose address moves by the same distance in every turn. */
export interface SteadyAddress {
  readonly placed: PlacedInstruction;
  /** What registers add to the address between the beginning of a turn and the instruction. */
  readonly gained: number;
  /** Bytes from turn to turn. */
  readonly stride: number;
}

/** How far an instruction moves its register by a constant; null when it does anything else. */
const constantStep = (
  { mnemonic, operands, addressBytes }: Instruction,
  wordBytes: number,
): number | null => {
  const [target, source] = operands;
  if (target?.kind !== "register" || target.sizeBytes !== wordBytes) return null;
  if (mnemonic === "inc") return 1;
  if (mnemonic === "dec") return -1;
  if (mnemonic === "lea" && source?.kind === "memory") {
    const isOwn = source.base === target.register && source.index < 0 && !source.isRipRelative;
    return isOwn && addressBytes === wordBytes ? source.displacement : null;
  }
  if (source?.kind !== "immediate" || source.high !== source.value >> 31) return null;
  if (mnemonic === "add") return source.value | 0;
  return mnemonic === "sub" ? -(source.value | 0) : null;
};

/** Steps of the registers in a turn, and what of them is done before each instruction. Null: not by constants. */
class Steps {
  readonly #total: (number | null)[] = Array.from({ length: 16 }, () => 0);
  readonly #before = new Map<PlacedInstruction, readonly (number | null)[]>();

  constructor(instructions: readonly PlacedInstruction[], wordBytes: number) {
    for (const placed of instructions) {
      this.#before.set(placed, [...this.#total]);
      const written = registersWritten(placed);
      const step = constantStep(placed.instruction, wordBytes);
      for (let register = 0; register < 16; register++) {
        if (((written >> register) & 1) === 0) continue;
        const sum = this.#total[register] ?? null;
        this.#total[register] = step === null || sum === null ? null : sum + step;
      }
    }
  }

  /** What a register gains in a whole turn. */
  inTurn(register: number): number | null {
    return register < 0 ? 0 : (this.#total[register] ?? null);
  }

  /** What it gains before an instruction. */
  before(placed: PlacedInstruction, register: number): number | null {
    return register < 0 ? 0 : (this.#before.get(placed)?.[register] ?? null);
  }
}

/** The instructions of a loop of one block whose addresses are steady. */
export const steadyAddresses = ({ instructions }: RegionBlock, mode: Mode): readonly SteadyAddress[] => {
  if (instructions.length > MOST_INSTRUCTIONS) return [];
  const wordBytes = mode.codeBytes === 8 ? 8 : 4;
  const steps = new Steps(instructions, wordBytes);
  return instructions.flatMap((placed): readonly SteadyAddress[] => {
    const { instruction } = placed;
    const memory = memoryOperand(instruction)?.operand;
    if (memory === undefined || instruction.addressBytes !== wordBytes || memory.isRipRelative) return [];
    if (STRINGS.test(instruction.mnemonic) || isBitString(instruction)) return [];
    if (!isFlat(mode, memory.segment) || displacementOf(instruction, memory) !== memory.displacement)
      return [];
    const base = steps.inTurn(memory.base);
    const index = steps.inTurn(memory.index);
    const baseBefore = steps.before(placed, memory.base);
    const indexBefore = steps.before(placed, memory.index);
    if (base === null || index === null || baseBefore === null || indexBefore === null) return [];
    const stride = base + index * 2 ** memory.scale;
    const gained = baseBefore + indexBefore * 2 ** memory.scale;
    return Math.abs(stride) > LONGEST_STRIDE ? [] : [{ placed, gained, stride }];
  });
};
