import type { FlowGraph } from "./flow-graph.ts";
import type { PlacedInstruction } from "./region-block.ts";

/** General and vector registers that a region deals with, as masks. */
export interface RegionUse {
  /** Read or written. */
  readonly all: number;
  readonly written: number;
  readonly vectors: number;
  readonly writtenVectors: number;
}

const bitOf = (register: number): number => (register < 0 ? 0 : 1 << register);

/** Adds up what instructions use. */
class UseCounter implements RegionUse {
  all = 0;
  written = 0;
  vectors = 0;
  writtenVectors = 0;

  addAll(instructions: readonly PlacedInstruction[]): void {
    for (let position = 0; position < instructions.length; position++) {
      const placed = instructions[position];
      if (placed !== undefined) this.#add(placed);
    }
  }

  #add({ instruction: { operands }, effects }: PlacedInstruction): void {
    this.all |= effects.reads | effects.writes;
    this.written |= effects.writes;
    this.vectors |= effects.vectorReads | effects.vectorWrites;
    this.writtenVectors |= effects.vectorWrites;
    let registers = 0;
    let hasMemory = false;
    for (let position = 0; position < operands.length; position++) {
      const operand = operands[position];
      const isWritten = ((effects.operandWrites >> position) & 1) !== 0;
      if (operand?.kind === "memory") {
        hasMemory = true;
        this.all |= bitOf(operand.base) | bitOf(operand.index);
      } else if (operand?.kind === "xmm") {
        this.vectors |= bitOf(operand.register);
        if (isWritten) this.writtenVectors |= bitOf(operand.register);
      } else if (operand?.kind === "register") {
        const bit = bitOf(operand.register);
        registers |= bit;
        if (isWritten) this.written |= bit;
        if (isWritten || (effects.operandReads >> position) & 1) this.all |= bit;
      }
    }
    // The number of a bit string's bit takes part in the address.
    if (hasMemory) this.all |= registers;
  }
}

/** Mask of the general registers that an instruction writes. */
export const registersWritten = ({ instruction: { operands }, effects }: PlacedInstruction): number => {
  let written = effects.writes;
  for (let rest = effects.operandWrites, position = 0; rest !== 0; rest >>= 1, position++) {
    const operand = (rest & 1) === 0 ? undefined : operands[position];
    if (operand?.kind === "register") written |= bitOf(operand.register);
  }
  return written;
};

/** What all instructions of a region use. */
export const registerUse = ({ nodes }: FlowGraph): RegionUse => {
  const use = new UseCounter();
  for (let index = 0; index < nodes.length; index++) {
    const instructions = nodes[index]?.block?.instructions;
    if (instructions !== undefined) use.addAll(instructions);
  }
  return use;
};
