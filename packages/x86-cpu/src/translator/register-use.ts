import type { EffectTable } from "./effects.ts";
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

const useOf = ({ instruction, handler }: PlacedInstruction, effects: EffectTable): RegionUse => {
  const { reads, writes, operandReads, operandWrites, vectorReads, vectorWrites } =
    effects.effectsOf(handler);
  let all = reads | writes;
  let written = writes;
  let vectors = vectorReads | vectorWrites;
  let writtenVectors = vectorWrites;
  instruction.operands.forEach((operand, position) => {
    if (operand.kind === "memory") all |= bitOf(operand.base) | bitOf(operand.index);
    if (operand.kind === "xmm") {
      vectors |= bitOf(operand.register);
      if ((operandWrites >> position) & 1) writtenVectors |= bitOf(operand.register);
    }
    if (operand.kind !== "register") return;
    const bit = bitOf(operand.register);
    if (((operandReads | operandWrites) >> position) & 1) all |= bit;
    // The number of a bit string's bit takes part in the address.
    if (instruction.operands.some(({ kind }) => kind === "memory")) all |= bit;
    if ((operandWrites >> position) & 1) written |= bit;
  });
  return { all, written, vectors, writtenVectors };
};

/** Mask of the general registers that an instruction writes. */
export const registersWritten = (placed: PlacedInstruction, effects: EffectTable): number =>
  useOf(placed, effects).written;

/** What all instructions of a region use. */
export const registerUse = ({ nodes }: FlowGraph, effects: EffectTable): RegionUse => {
  let all = 0;
  let written = 0;
  let vectors = 0;
  let writtenVectors = 0;
  for (const { block } of nodes) {
    for (const placed of block?.instructions ?? []) {
      const use = useOf(placed, effects);
      all |= use.all;
      written |= use.written;
      vectors |= use.vectors;
      writtenVectors |= use.writtenVectors;
    }
  }
  return { all, written, vectors, writtenVectors };
};
