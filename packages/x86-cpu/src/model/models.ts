import type { Feature } from "../decoder/features.ts";
import { AMD_FEATURE, AMD_FEATURE_C, EXTENDED_FEATURE, FEATURE } from "./cpuid-bits.ts";
import { createModel } from "./create-model.ts";
import type { ProcessorModel } from "./processor-model.ts";

const I686_BITS =
  FEATURE.fpu |
  FEATURE.vme |
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

/** A 32-bit processor of the sixth family with PAE, no-execute and SMEP, without vector instructions. */
export const I686_MODEL: ProcessorModel = createModel({
  name: "i686",
  brand: "Xenolith i686",
  signature: 0x686,
  physicalAddressBits: 36,
  linearAddressBits: 32,
  features: [],
  bits: { edx: I686_BITS, extended: EXTENDED_FEATURE.smep, amd: AMD_FEATURE.nx },
});

const X86_64_FEATURES: readonly Feature[] = ["mmx", "fxsr", "sse", "sse2", "clflush", "rdtscp"];

const X86_64_V2_FEATURES: readonly Feature[] = [
  ...X86_64_FEATURES,
  "cx16",
  "popcnt",
  "sse3",
  "ssse3",
  "sse41",
  "sse42",
];

const MAX_FEATURES: readonly Feature[] = [
  ...X86_64_V2_FEATURES,
  "bmi1",
  "bmi2",
  "clflushopt",
  "clwb",
  "fsgsbase",
  "lzcnt",
  "movbe",
  "rdrand",
  "rdseed",
  "xsave",
  "xsaveopt",
];

const X86_64_BITS = {
  edx: I686_BITS,
  extended: EXTENDED_FEATURE.smep,
  amd: AMD_FEATURE.syscall | AMD_FEATURE.nx | AMD_FEATURE.pdpe1gb | AMD_FEATURE.lm,
  amdC: AMD_FEATURE_C.lahf | AMD_FEATURE_C.prefetchw,
};

const longModel = (
  name: string,
  brand: string,
  signature: number,
  features: readonly Feature[],
): ProcessorModel =>
  createModel({
    name,
    brand,
    signature,
    physicalAddressBits: 40,
    linearAddressBits: 48,
    features,
    bits: X86_64_BITS,
  });

/** The first level of 64-bit processors: SSE2, long mode, pages of 1 GiB. */
export const X86_64_MODEL: ProcessorModel = longModel("x86-64", "Xenolith x86-64", 0x6fb, X86_64_FEATURES);

/** The second level: SSE4.2, POPCNT and CMPXCHG16B on top. */
export const X86_64_V2_MODEL: ProcessorModel = longModel(
  "x86-64-v2",
  "Xenolith x86-64-v2",
  0x106a5,
  X86_64_V2_FEATURES,
);

/** Every feature there is. */
export const MAX_MODEL: ProcessorModel = longModel("max", "Xenolith max", 0x306c3, MAX_FEATURES);

/** Every preset, by its name. */
export const PROCESSOR_MODELS: ReadonlyMap<string, ProcessorModel> = new Map(
  [I686_MODEL, X86_64_MODEL, X86_64_V2_MODEL, MAX_MODEL].map((model) => [model.name, model]),
);
