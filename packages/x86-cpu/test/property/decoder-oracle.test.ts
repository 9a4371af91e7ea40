import fc from "fast-check";
import { Code, CpuidFeature, Decoder, DecoderOptions, Mnemonic } from "iced-x86";
import { describe, expect, it } from "vitest";
import { type CodeBytes, decode } from "../../src/decoder/index.ts";

/** What the decoder knows. */
const KNOWN_FEATURES: ReadonlySet<CpuidFeature> = new Set([
  CpuidFeature.INTEL8086,
  CpuidFeature.INTEL8086_ONLY,
  CpuidFeature.INTEL186,
  CpuidFeature.INTEL286,
  CpuidFeature.INTEL286_ONLY,
  CpuidFeature.INTEL386,
  CpuidFeature.INTEL386_ONLY,
  CpuidFeature.INTEL486,
  CpuidFeature.BMI1,
  CpuidFeature.BMI2,
  CpuidFeature.CLFLUSHOPT,
  CpuidFeature.CLFSH,
  CpuidFeature.CLWB,
  CpuidFeature.CMOV,
  CpuidFeature.CPUID,
  CpuidFeature.CX8,
  CpuidFeature.CMPXCHG16B,
  CpuidFeature.FPU,
  CpuidFeature.FPU287,
  CpuidFeature.FPU387,
  CpuidFeature.FSGSBASE,
  CpuidFeature.FXSR,
  CpuidFeature.LZCNT,
  CpuidFeature.MMX,
  CpuidFeature.MOVBE,
  CpuidFeature.MSR,
  CpuidFeature.POPCNT,
  CpuidFeature.RDRAND,
  CpuidFeature.RDSEED,
  CpuidFeature.RDPMC,
  CpuidFeature.SEP,
  CpuidFeature.SSE,
  CpuidFeature.SSE2,
  CpuidFeature.SSE3,
  CpuidFeature.SSE4_1,
  CpuidFeature.SSE4_2,
  CpuidFeature.SSSE3,
  CpuidFeature.TSC,
  CpuidFeature.X64,
]);

/** What the decoder says of bytes that are no instruction, and of those that it does not tell apart. */
const UNDECIDED = ["ud", "too-long"];

/** Names that differ because the manual has several for one operation, or one for several. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  mov: ["mov-from-sreg", "mov-to-sreg", "mov-from-cr", "mov-to-cr", "mov-from-dr", "mov-to-dr"],
  push: ["push-sreg"],
  pop: ["pop-sreg"],
  call: ["call-far"],
  jmp: ["jmp-far"],
  retf: ["ret-far"],
  sal: ["shl"],
  reservednop: ["nop"],
  xlatb: ["xlat"],
  cwde: ["cbw"],
  cdqe: ["cbw"],
  cdq: ["cwd"],
  cqo: ["cwd"],
  jecxz: ["jcxz"],
  jrcxz: ["jcxz"],
  pushad: ["pusha"],
  popad: ["popa"],
  cmpxchg16b: ["cmpxchg16b"],
  movq: ["movd"],
  pextrq: ["pextrd"],
  pinsrq: ["pinsrd"],
  prefetchnta: ["nop"],
  prefetcht0: ["nop"],
  prefetcht1: ["nop"],
  prefetcht2: ["nop"],
};
const SIZED = /^(movs|stos|lods|scas|cmps|ins|outs|pushf|popf|iret)[bwdq]$/;

const nameByNumber = new Map(
  Object.entries(Mnemonic).map(([name, number]) => [number as number, name.toLowerCase()]),
);

const agrees = (theirs: string, ours: string): boolean =>
  theirs === ours || (NAMES[theirs]?.includes(ours) ?? false) || SIZED.exec(theirs)?.[1] === ours;

interface Oracle {
  readonly name: string;
  readonly length: number;
  readonly isInvalid: boolean;
  readonly isKnown: boolean;
}

const askOracle = (bytes: Uint8Array, bits: number): Oracle => {
  const decoder = new Decoder(bits, bytes, DecoderOptions.None);
  const instruction = decoder.decode();
  const answer = {
    name: nameByNumber.get(instruction.mnemonic) ?? "",
    length: instruction.length,
    isInvalid: instruction.code === Code.INVALID,
    isKnown: [...instruction.cpuidFeatures()].every((feature) => KNOWN_FEATURES.has(feature)),
  };
  instruction.free();
  decoder.free();
  return answer;
};

/** Random bytes, often behind prefixes and a 0F, so that all maps are met. */
const code = fc
  .tuple(
    fc.array(fc.constantFrom(0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x2e, 0x36, 0x3e, 0x26, 0x64, 0x65), {
      maxLength: 3,
    }),
    fc.constantFrom([], [0x0f], [0x0f], [0x0f, 0x38], [0x0f, 0x3a], [0xc4, 0xe2]),
    fc.uint8Array({ minLength: 15, maxLength: 15 }),
  )
  .map(([prefixes, opening, rest]) => Uint8Array.from([...prefixes, ...opening, ...rest].slice(0, 15)));

describe("decode", () => {
  for (const codeBytes of [2, 4, 8] as const satisfies readonly CodeBytes[]) {
    it(`agrees with another decoder on length and name of ${8 * codeBytes}-bit instructions`, () => {
      fc.assert(
        fc.property(code, (bytes) => {
          const theirs = askOracle(bytes, 8 * codeBytes);
          const ours = decode(bytes, 0, 15, codeBytes);
          if (theirs.isInvalid) {
            expect(UNDECIDED).toContain(ours.mnemonic);
            return;
          }
          if (!theirs.isKnown) return;
          expect(ours.lengthBytes).toBe(theirs.length);
          expect({
            theirs: theirs.name,
            ours: ours.mnemonic,
            agrees: agrees(theirs.name, ours.mnemonic),
          }).toEqual({
            theirs: theirs.name,
            ours: ours.mnemonic,
            agrees: true,
          });
        }),
        { numRuns: 15_000 },
      );
    });
  }
});
