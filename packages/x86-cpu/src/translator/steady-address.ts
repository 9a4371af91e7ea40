import type { Instruction } from "../decoder/instruction.ts";
import { displacementOf } from "../engine/instruction-form.ts";
import { isFlat, type Mode } from "../engine/mode.ts";
import { constantStep } from "./constant-step.ts";
import { LONGEST_STRIDE } from "./page-run.ts";
import { plainOperand } from "./plain-operand.ts";
import type { PlacedInstruction, RegionBlock } from "./region-block.ts";
import { registersWritten } from "./register-use.ts";

/** A loop with more instructions is not worth a further copy. */
const MOST_INSTRUCTIONS = 24;
/** In which way a register is used: all of it, or its low 32 bits, extended. */
type Extension = "whole" | "zero" | "sign";

/** What a register holds at a place of a turn, by what another, or the same, held at the beginning of the turn. */
interface Origin {
  readonly register: number;
  readonly extension: Extension;
  /** Added before what is used is extended. */
  readonly plus: number;
  /** Added behind that. */
  readonly beyond: number;
}

/** A register of an address that moves by the same distance in every turn, as long as its low 32 bits do not wrap. */
export interface SteadyRegister extends Origin {
  /** Distance from turn to turn. */
  readonly step: number;
}

/** An instruction of a loop whose address moves by the same distance in every turn. */
export interface SteadyAddress {
  readonly placed: PlacedInstruction;
  readonly base: SteadyRegister | null;
  readonly index: SteadyRegister | null;
  /** Bytes from turn to turn. */
  readonly stride: number;
}

/** What registers hold in a turn. */
class Turn {
  readonly #origins: (Origin | null)[] = Array.from({ length: 16 }, (_, register) => ({
    register,
    extension: "whole",
    plus: 0,
    beyond: 0,
  }));
  /** Before instructions whose addresses their operands say. */
  readonly #before = new Map<PlacedInstruction, readonly (Origin | null)[]>();
  readonly #wordBytes: number;

  constructor(instructions: readonly PlacedInstruction[], wordBytes: number) {
    this.#wordBytes = wordBytes;
    for (const placed of instructions) {
      if (plainOperand(placed.instruction, wordBytes) !== null)
        this.#before.set(placed, this.#origins.slice());
      const written = registersWritten(placed);
      const result = this.#resultOf(placed.instruction);
      for (let register = 0; register < 16; register++)
        if ((written >> register) & 1) this.#origins[register] = result;
    }
  }

  #resultOf(instruction: Instruction): Origin | null {
    const target = instruction.operands[0];
    const step = constantStep(instruction, this.#wordBytes);
    const origin = step === null ? null : this.#origins[step.from];
    if (step === null || origin == null || target?.kind !== "register") return null;
    const { register, extension, plus, beyond } = origin;
    const sum = plus + beyond + step.by;
    const isWhole = target.sizeBytes === this.#wordBytes;
    if (instruction.mnemonic === "movsxd")
      return isWhole ? { register, extension: "sign", plus: sum, beyond: 0 } : null;
    if (!isWhole)
      return target.sizeBytes === 4 ? { register, extension: "zero", plus: sum, beyond: 0 } : null;
    return extension === "whole"
      ? { register, extension, plus: sum, beyond: 0 }
      : { register, extension, plus, beyond: beyond + step.by };
  }

  /** A register as an instruction finds it, if it moves by a constant. */
  steady(placed: PlacedInstruction, register: number): SteadyRegister | null {
    const origin = this.#before.get(placed)?.[register] ?? null;
    const end = origin === null ? null : (this.#origins[origin.register] ?? null);
    if (origin === null || end === null || end.register !== origin.register) return null;
    // Extended and moved on after that, its low half goes on as it should, but the whole does not.
    if (end.extension !== "whole" && end.beyond !== 0) return null;
    const step = end.plus;
    if (origin.extension !== "whole" || end.extension === "whole") return { ...origin, step };
    // From the second turn on the whole register is what its low half is extended to.
    return { register: origin.register, extension: end.extension, plus: 0, beyond: origin.plus, step };
  }
}

const isShort = (steady: SteadyRegister | null): boolean =>
  steady === null || steady.extension === "whole" || Math.abs(steady.step) <= LONGEST_STRIDE;

/** The instructions of a loop of one block whose addresses are steady from the second turn on. */
const steadyAddresses = ({ instructions }: RegionBlock, mode: Mode): readonly SteadyAddress[] => {
  if (instructions.length > MOST_INSTRUCTIONS) return [];
  const wordBytes = mode.codeBytes === 8 ? 8 : 4;
  const turn = new Turn(instructions, wordBytes);
  return instructions.flatMap((placed): readonly SteadyAddress[] => {
    const { instruction } = placed;
    const memory = plainOperand(instruction, wordBytes);
    if (memory === null || memory.isRipRelative) return [];
    if (!isFlat(mode, memory.segment) || displacementOf(instruction, memory) !== memory.displacement)
      return [];
    const base = turn.steady(placed, memory.base);
    const index = turn.steady(placed, memory.index);
    if ((memory.base >= 0 && base === null) || (memory.index >= 0 && index === null)) return [];
    if (!isShort(base) || !isShort(index)) return [];
    const stride = (base?.step ?? 0) + (index?.step ?? 0) * 2 ** memory.scale;
    return Math.abs(stride) > LONGEST_STRIDE ? [] : [{ placed, base, index, stride }];
  });
};

/** The registers among those of addresses whose low 32 bits must not wrap, each once. */
export const wrappingRegisters = (addresses: readonly SteadyAddress[]): readonly SteadyRegister[] => {
  const found = new Map<string, SteadyRegister>();
  for (const { base, index } of addresses) {
    for (const steady of [base, index]) {
      if (steady === null || steady.extension === "whole" || steady.step === 0) continue;
      found.set(`${steady.register} ${steady.extension} ${steady.plus}`, steady);
    }
  }
  return [...found.values()];
};

/** The same for the blocks of a region, by the numbers of their nodes; found once. */
export const steadyBlocks = (
  nodes: readonly { readonly block: RegionBlock | null }[],
  mode: Mode,
): ((number: number) => readonly SteadyAddress[]) => {
  const known = new Map<number, readonly SteadyAddress[]>();
  return (number) => {
    const block = nodes[number]?.block ?? null;
    const steady = known.get(number) ?? (block === null ? [] : steadyAddresses(block, mode));
    known.set(number, steady);
    return steady;
  };
};
