import type { Feature } from "../decoder/features.ts";

/** Four registers as CPUID answers: EAX, EBX, ECX, EDX, unsigned. */
export type CpuidAnswer = readonly [number, number, number, number];

/** What a processor says about itself, and what follows from it. */
export interface ProcessorModel {
  readonly name: string;
  /** Width of physical addresses; the translator must be made with the same. */
  readonly physicalAddressBits: number;
  /** What it has beyond the base set: instructions that need anything else raise #UD. */
  readonly features: ReadonlySet<Feature>;
  /** Answers of CPUID by leaf; a leaf with subleaves by `leaf:subleaf`. What is missing answers zeros. */
  readonly leaves: ReadonlyMap<string, CpuidAnswer>;
}

const NOTHING: CpuidAnswer = [0, 0, 0, 0];

/** Answer of a model's CPUID. */
export const answerCpuid = (model: ProcessorModel, leaf: number, subleaf: number): CpuidAnswer =>
  model.leaves.get(`${leaf}`) ?? model.leaves.get(`${leaf}:${subleaf}`) ?? NOTHING;
