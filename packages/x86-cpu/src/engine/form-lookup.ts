import type { Instruction, Operand } from "../decoder/instruction.ts";
import { endsBlock, instructionFormKey, isString, unitOf } from "./instruction-form.ts";

/** What the form of an instruction decides. */
export interface FormEntry {
  /** Number of the handler, or undefined where generated code has none. */
  readonly number: number | undefined;
  /** The unit that it works with: a bit of `UNIT`, or 0. */
  readonly unit: number;
  /** See {@link isString} and {@link endsBlock}; a block ends as well with a handler that calls what stands for the monitor. */
  readonly isString: boolean;
  readonly endsBlock: boolean;
}

/** Forms that instructions of one mnemonic were found to have, by shape: few, so that they are looked at in turn. */
interface KnownForms {
  readonly shapes: number[];
  readonly entries: FormEntry[];
}

const KIND_NUMBER: Readonly<Record<Operand["kind"], number>> = {
  register: 1,
  memory: 2,
  immediate: 3,
  relative: 4,
  far: 5,
  segment: 6,
  control: 7,
  debug: 8,
  x87: 9,
  mmx: 10,
  xmm: 11,
};

const MOST_OPERANDS = 3;
const LARGEST_OPERAND = 31;

/**
 * A number that tells apart, among instructions of one mnemonic, those whose forms may differ: kinds and sizes of operands,
 * which segment or control register, sizes of operation and address, repetition, and whether a count is 0. -1: there is none.
 */
const shapeOf = (instruction: Instruction): number => {
  const { operands, operandBytes, addressBytes, repeat } = instruction;
  if (operands.length > MOST_OPERANDS) return -1;
  let kinds = 0;
  let register = 0;
  for (let position = 0; position < operands.length; position++) {
    const operand = operands[position];
    if (operand === undefined) return -1;
    const size = operand.kind === "relative" || operand.kind === "far" ? 0 : operand.sizeBytes;
    if (size > LARGEST_OPERAND) return -1;
    kinds = kinds * 512 + KIND_NUMBER[operand.kind] * 32 + size;
    if (operand.kind === "segment" || operand.kind === "control") register = operand.register;
  }
  const last = operands[operands.length - 1];
  const countMask = operandBytes === 8 ? 63 : 31;
  const isZero = last?.kind === "immediate" && (last.value & countMask) === 0;
  const repeats = repeat === "none" ? 0 : repeat === "rep" ? 1 : 2;
  const rest = operandBytes + 32 * (addressBytes + 16 * (repeats + 4 * (register + 16 * (isZero ? 1 : 0))));
  return rest * 2 ** 27 + kinds;
};

/** Finds the handler of an instruction without spelling out the key of its form each time. */
export class FormLookup {
  readonly #numberOf: ReadonlyMap<string, number>;
  readonly #callsMonitor: (handler: number) => boolean;
  readonly #known = new Map<string, KnownForms>();

  constructor(
    numberOf: ReadonlyMap<string, number>,
    callsMonitor: (handler: number) => boolean = () => false,
  ) {
    this.#numberOf = numberOf;
    this.#callsMonitor = callsMonitor;
  }

  /** What the form of an instruction decides. */
  find(instruction: Instruction): FormEntry {
    const shape = shapeOf(instruction);
    if (shape < 0) return this.#entryOf(instruction);
    const known = this.#known.get(instruction.mnemonic) ?? this.#addMnemonic(instruction.mnemonic);
    const found = known.entries[known.shapes.indexOf(shape)];
    if (found !== undefined) return found;
    const entry = this.#entryOf(instruction);
    known.shapes.push(shape);
    known.entries.push(entry);
    return entry;
  }

  #addMnemonic(mnemonic: string): KnownForms {
    const known: KnownForms = { shapes: [], entries: [] };
    this.#known.set(mnemonic, known);
    return known;
  }

  #entryOf(instruction: Instruction): FormEntry {
    const number = this.#numberOf.get(instructionFormKey(instruction));
    return {
      number,
      unit: unitOf(instruction),
      isString: isString(instruction),
      endsBlock: endsBlock(instruction) || (number !== undefined && this.#callsMonitor(number)),
    };
  }
}
