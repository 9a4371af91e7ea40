import type { Feature } from "../decoder/features.ts";
import { AMD_FEATURE, AMD_FEATURE_C, EXTENDED_FEATURE, FEATURE, FEATURE_C } from "./cpuid-bits.ts";
import type { CpuidAnswer, ProcessorModel } from "./processor-model.ts";

/** What a model is made of. */
export interface ModelDescription {
  readonly name: string;
  /** Name that CPUID gives, up to 47 characters. */
  readonly brand: string;
  /** Family, model and stepping as in EAX of leaf 1. */
  readonly signature: number;
  readonly physicalAddressBits: number;
  readonly linearAddressBits: number;
  readonly features: readonly Feature[];
  /** Bits of leaf 1 EDX, leaf 7 EBX and leaf 0x80000001 EDX and ECX that no {@link Feature} stands for. */
  readonly bits: {
    readonly edx: number;
    readonly extended?: number;
    readonly amd?: number;
    readonly amdC?: number;
  };
}

const VENDOR = "GenuineIntel";

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

/** Sum of a table's bits for the features that a model has. */
const bitsOf = (table: Readonly<Record<string, number>>, features: ReadonlySet<string>): number => {
  let bits = 0;
  for (const [name, bit] of Object.entries(table)) if (features.has(name)) bits |= bit;
  return bits;
};

/** A cache as leaf 4 describes it. [SDM2-3.2] */
const cacheLeaf = (type: 1 | 2 | 3, level: number, ways: number, sets: number): CpuidAnswer => [
  (type | (level << 5) | (1 << 8)) >>> 0,
  (((ways - 1) << 22) | 63) >>> 0,
  sets - 1,
  0,
];

/** Caches, topology and the extended state area, for models that are asked about them. */
const platformLeaves = (features: ReadonlySet<string>): [string, CpuidAnswer][] => {
  const leaves: [string, CpuidAnswer][] = [
    ["4:0", cacheLeaf(1, 1, 8, 64)],
    ["4:1", cacheLeaf(2, 1, 8, 64)],
    ["4:2", cacheLeaf(3, 2, 8, 512)],
    ["4:3", cacheLeaf(3, 3, 16, 2048)],
    ["11:0", [0, 1, 0x100, 0]],
    ["11:1", [0, 1, 0x201, 0]],
    ["11:2", [0, 0, 2, 0]],
  ];
  if (features.has("xsave")) {
    leaves.push(["13:0", [3, 576, 576, 0]], ["13:1", [features.has("xsaveopt") ? 1 : 0, 0, 0, 0]]);
  }
  return leaves;
};

const LINE_BYTES = 64;
const CLFLUSH_LINE = (LINE_BYTES / 8) << 8;
const INVARIANT_TSC = 0x100;
const L2_CACHE = (256 << 16) | (6 << 12) | LINE_BYTES;

/** Makes a model whose CPUID follows from what it has. */
export const createModel = (description: ModelDescription): ProcessorModel => {
  const { brand, bits, name, physicalAddressBits, linearAddressBits, signature } = description;
  const features = new Set<Feature>(["base", ...description.features]);
  const hasPlatform = features.has("clflush");
  const addresses = physicalAddressBits | (linearAddressBits << 8);
  const leaves = new Map<string, CpuidAnswer>([
    ["0", [hasPlatform ? 13 : 7, word(VENDOR, 0), word(VENDOR, 8), word(VENDOR, 4)]],
    [
      "1",
      [
        signature,
        hasPlatform ? CLFLUSH_LINE | (1 << 16) : 0,
        bitsOf(FEATURE_C, features) >>> 0,
        (bits.edx | bitsOf(FEATURE, features)) >>> 0,
      ],
    ],
    ["7:0", [0, (bits.extended ?? 0) | bitsOf(EXTENDED_FEATURE, features), 0, 0]],
    ["2147483648", [0x8000_0008, 0, 0, 0]],
    [
      "2147483649",
      [
        0,
        0,
        (bits.amdC ?? 0) | bitsOf(AMD_FEATURE_C, features),
        (bits.amd ?? 0) | bitsOf(AMD_FEATURE, features),
      ],
    ],
    ["2147483650", brandLeaf(brand, 0)],
    ["2147483651", brandLeaf(brand, 1)],
    ["2147483652", brandLeaf(brand, 2)],
    ["2147483656", [addresses, 0, 0, 0]],
    ...(hasPlatform ? platformLeaves(features) : []),
  ]);
  if (hasPlatform) {
    leaves.set("2147483654", [0, 0, L2_CACHE, 0]);
    leaves.set("2147483655", [0, 0, 0, INVARIANT_TSC]);
  }
  return { name, physicalAddressBits, features, leaves };
};
