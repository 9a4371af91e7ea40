/** Four registers as CPUID answers: EAX, EBX, ECX, EDX, unsigned. */
export type CpuidAnswer = readonly [number, number, number, number];

/** What a processor says about itself, and what follows from it. */
export interface ProcessorModel {
  readonly name: string;
  /** Width of physical addresses; the translator must be made with the same. */
  readonly physicalAddressBits: number;
  /** Answers of CPUID by leaf; a leaf with subleaves by `leaf:subleaf`. What is missing answers zeros. */
  readonly leaves: ReadonlyMap<string, CpuidAnswer>;
}

/** Bits of leaf 1, EDX. [SDM2-3.2] */
export const FEATURE = {
  fpu: 1,
  vme: 2,
  de: 4,
  pse: 8,
  tsc: 0x10,
  msr: 0x20,
  pae: 0x40,
  cx8: 0x100,
  apic: 0x200,
  sep: 0x800,
  mtrr: 0x1000,
  pge: 0x2000,
  mca: 0x4000,
  cmov: 0x8000,
  pat: 0x1_0000,
  pse36: 0x2_0000,
  mmx: 0x80_0000,
  fxsr: 0x100_0000,
  sse: 0x200_0000,
  sse2: 0x400_0000,
} as const;

/** Bits of leaf 7, subleaf 0, EBX. */
const EXTENDED_FEATURE = { smep: 0x80 } as const;

/** Bits of leaf 0x80000001, EDX. */
const AMD_FEATURE = { nx: 0x10_0000 } as const;

/** Four characters as a little-endian word. */
const word = (text: string, at: number): number => {
  let value = 0;
  for (let i = 3; i >= 0; i--) value = value * 256 + (at + i < text.length ? text.charCodeAt(at + i) : 0);
  return value;
};

const brandLeaf = (brand: string, part: number): CpuidAnswer => [
  word(brand, 16 * part),
  word(brand, 16 * part + 4),
  word(brand, 16 * part + 8),
  word(brand, 16 * part + 12),
];

const VENDOR = "GenuineIntel";
const I686_BRAND = "Xenolith i686";
const I686_ADDRESS_BITS = 36;

/** Family 6, model 8, stepping 6. */
const I686_SIGNATURE = 0x686;

const I686_FEATURES =
  FEATURE.de |
  FEATURE.pse |
  FEATURE.tsc |
  FEATURE.msr |
  FEATURE.pae |
  FEATURE.cx8 |
  FEATURE.sep |
  FEATURE.pge |
  FEATURE.cmov |
  FEATURE.pat |
  FEATURE.pse36;

/** A 32-bit processor of the sixth family with PAE, no-execute and SMEP, without floating point. */
export const I686_MODEL: ProcessorModel = {
  name: "i686",
  physicalAddressBits: I686_ADDRESS_BITS,
  leaves: new Map<string, CpuidAnswer>([
    ["0", [7, word(VENDOR, 0), word(VENDOR, 8), word(VENDOR, 4)]],
    ["1", [I686_SIGNATURE, 0, 0, I686_FEATURES]],
    ["7:0", [0, EXTENDED_FEATURE.smep, 0, 0]],
    ["2147483648", [0x8000_0008, 0, 0, 0]],
    ["2147483649", [0, 0, 0, AMD_FEATURE.nx]],
    ["2147483650", brandLeaf(I686_BRAND, 0)],
    ["2147483651", brandLeaf(I686_BRAND, 1)],
    ["2147483652", brandLeaf(I686_BRAND, 2)],
    ["2147483656", [I686_ADDRESS_BITS | (32 << 8), 0, 0, 0]],
  ]),
};

const NOTHING: CpuidAnswer = [0, 0, 0, 0];

/** Answer of a model's CPUID. */
export const answerCpuid = (model: ProcessorModel, leaf: number, subleaf: number): CpuidAnswer =>
  model.leaves.get(`${leaf}`) ?? model.leaves.get(`${leaf}:${subleaf}`) ?? NOTHING;
