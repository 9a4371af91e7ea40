import fc from "fast-check";
import {
  Code,
  CpuidFeature,
  Decoder,
  DecoderOptions,
  Formatter,
  FormatterSyntax,
  MemorySizeOptions,
} from "iced-x86";
import { describe, expect, it } from "vitest";
import { type CodeBytes, decode, formatInstruction, type Instruction } from "../../src/decoder/index.ts";

/** Instruction sets whose text is compared. */
const COMPARED: ReadonlySet<CpuidFeature> = new Set([
  CpuidFeature.INTEL8086,
  CpuidFeature.INTEL186,
  CpuidFeature.INTEL386,
  CpuidFeature.INTEL486,
  CpuidFeature.CMOV,
  CpuidFeature.X64,
  CpuidFeature.MMX,
  CpuidFeature.SSE,
  CpuidFeature.SSE2,
  CpuidFeature.SSE3,
  CpuidFeature.SSSE3,
  CpuidFeature.SSE4_1,
  CpuidFeature.SSE4_2,
]);

/** String instructions are written without operands here. */
const STRING_NAMES: ReadonlySet<string> = new Set(["movs", "cmps", "stos", "lods", "scas", "ins", "outs"]);
const STRINGS = /^(rep |repe |repne )?(movs|cmps|stos|lods|scas|ins|outs)[bwdq]/;

/** Prefixes without effect, which the other disassembler writes down. */
const USELESS =
  /^(rep|repe|repne|bnd|notrack|xacquire|xrelease|data16|data32|data64|addr16|addr32|addr64|hint-taken|hint-not-taken) /;

/** Instructions for which there is more than one way to write them. */
const OTHERWISE: ReadonlySet<string> = new Set(
  [
    "sgdt sidt lgdt lidt lar lsl sldt str smsw lmsw lldt ltr verr verw arpl bound",
    "pusha popa pushf popf iret call-far jmp-far ret-far xlat wait nop xchg imul enter",
    "mov-to-sreg mov-from-sreg les lds lss lfs lgs maskmovq maskmovdqu",
  ]
    .join(" ")
    .split(" "),
);

const withoutUseless = (text: string): string => {
  const shorter = text.replace(USELESS, "");
  return shorter === text ? text : withoutUseless(shorter);
};

/** An address that is not canonical is decoded to another one that is not either. */
const isNotCanonical = ({ operands }: Instruction): boolean =>
  operands.some((operand) => operand.kind === "memory" && Math.abs(operand.displacement) >= 2 ** 45);

const formatter = new Formatter(FormatterSyntax.Intel);
formatter.spaceAfterOperandSeparator = true;
formatter.hexPrefix = "0x";
formatter.hexSuffix = "";
formatter.uppercaseHex = false;
formatter.memorySizeOptions = MemorySizeOptions.Always;
formatter.ripRelativeAddresses = true;
formatter.showBranchSize = false;
formatter.usePseudoOps = false;
formatter.branchLeadingZeros = false;
formatter.leadingZeros = false;
formatter.displacementLeadingZeros = false;
formatter.addLeadingZeroToHexNumbers = false;

const AT = 0x4_0000;

/** Text of another disassembler; null where it is of no use: not an instruction, or not one that is compared. */
const askOracle = (bytes: Uint8Array, bits: number): string | null => {
  const decoder = new Decoder(bits, bytes, DecoderOptions.None);
  decoder.ip = BigInt(AT);
  const instruction = decoder.decode();
  const isCompared =
    instruction.code !== Code.INVALID &&
    [...instruction.cpuidFeatures()].every((feature) => COMPARED.has(feature));
  const text = isCompared ? formatter.format(instruction) : null;
  instruction.free();
  decoder.free();
  return text;
};

const code = fc
  .tuple(
    fc.constantFrom([], [0x66], [0xf0], [0xf3], [0xf2], [0x64], [0x67]),
    fc.constantFrom([], [], [0x0f], [0x0f], [0x0f, 0x38], [0x0f, 0x3a]),
    fc.uint8Array({ minLength: 15, maxLength: 15 }),
  )
  .map(([prefix, map, rest]) => Uint8Array.from([...prefix, ...map, ...rest].slice(0, 15)));

/** In 64-bit code MOVQ [RAX], MM0: other prefixes and operands are rarely right for it. */
const MOVE_OF_EIGHT_BYTES = Uint8Array.from([0x48, 0x0f, 0x7e, ...new Array<number>(12).fill(0)]);

describe("the text of an instruction", () => {
  for (const codeBytes of [2, 4, 8] as const satisfies readonly CodeBytes[]) {
    it(`is that of another disassembler, ${8 * codeBytes} bits`, () => {
      fc.assert(
        fc.property(code, (bytes) => {
          const theirs = askOracle(bytes, 8 * codeBytes);
          if (theirs === null) return;
          const instruction = decode(bytes, 0, 15, codeBytes);
          const ours = formatInstruction(instruction, AT);
          if (OTHERWISE.has(instruction.mnemonic) || isNotCanonical(instruction)) return;
          const string = STRING_NAMES.has(instruction.mnemonic) ? STRINGS.exec(theirs) : null;
          expect(ours).toBe(string === null ? withoutUseless(theirs).replaceAll("*1", "") : string[0]);
        }),
        { numRuns: 5000, examples: [[MOVE_OF_EIGHT_BYTES]] },
      );
    });
  }
});
