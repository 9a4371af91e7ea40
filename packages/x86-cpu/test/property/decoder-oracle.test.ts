import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type CodeBytes, decode, type Instruction } from "../../src/decoder/index.ts";
import { type Opinion, operandText, opinionOf } from "../support/decoder-oracle.ts";

/** What the decoder knows; all else must be undefined. */
const KNOWN_FEATURES: ReadonlySet<string> = new Set(
  `INTEL8086 INTEL8086_ONLY INTEL186 INTEL286 INTEL286_ONLY INTEL386 INTEL386_ONLY INTEL486 X64
  CMOV CPUID CX8 CMPXCHG16B MSR RDPMC SEP TSC RDTSCP SYSCALL SMM MONITOR PAUSE FSGSBASE FXSR XSAVE XSAVEOPT SMAP
  BMI1 BMI2 LZCNT POPCNT MOVBE RDRAND RDSEED CLFLUSHOPT CLFSH CLWB
  CLDEMOTE PREFETCHW PREFETCHWT1 PREFETCHITI MULTIBYTENOP CET_IBT MPX
  MMX SSE SSE2 SSE3 SSSE3 SSE4_1 SSE4_2
  FPU FPU287 FPU387 FPU287XL_ONLY FPU387SL_ONLY`.split(/\s+/),
);

/** What the decoder says of bytes that are no instruction. */
const UNDEFINED = ["ud", "too-long"];

/** Names that differ because the manual has several for one operation, or one for several. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  mov: ["mov-from-sreg", "mov-to-sreg", "mov-from-cr", "mov-to-cr", "mov-from-dr", "mov-to-dr"],
  push: ["push-sreg"],
  pop: ["pop-sreg"],
  call: ["call-far"],
  jmp: ["jmp-far"],
  retf: ["ret-far"],
  sal: ["shl"],
  xlatb: ["xlat"],
  cwde: ["cbw"],
  cdqe: ["cbw"],
  cdq: ["cwd"],
  cqo: ["cwd"],
  jecxz: ["jcxz"],
  jrcxz: ["jcxz"],
  pushad: ["pusha"],
  popad: ["popa"],
  sysexitq: ["sysexit"],
  sysretq: ["sysret"],
  movq: ["movd"],
  pextrq: ["pextrd"],
  pinsrq: ["pinsrd"],
};
const SIZED = /^(movs|stos|lods|scas|cmps|ins|outs|pushf|popf|iret)[bwdq]$/;
/** Hints, all of them without effect here. */
const HINT = /^(reservednop|prefetch\w*|cldemote|endbr\d+|bnd\w+)$/;

/** What a processor that lacks them takes for others: F3 before WBINVD is ignored, RDSSP is a hint. */
const TAKEN_FOR_OTHERS = /^(wbnoinvd|rdssp[dq])$/;

const agrees = (theirs: string, ours: string): boolean =>
  theirs === ours ||
  (NAMES[theirs]?.includes(ours) ?? false) ||
  SIZED.exec(theirs)?.[1] === ours ||
  theirs === `${ours}64` ||
  (HINT.test(theirs) && ours === "nop");

/**
 * Where the two decoders differ on purpose. `name`: F3 with REX.B before 90 exchanges, as on silicon. `operands`: implicit ones
 * are not listed here, hints have none that matter, registers of which only 16 bits are used count as such, an immediate bit
 * number is sign-extended, results of a few bits go to 32-bit registers (which is the same), and absolute addresses of 64 bits
 * are rounded where they are far from canonical.
 */
const DIFFERENT = {
  name: /^(Pause)$/,
  operands: new RegExp(
    [
      "^(Ins|Outs|Movs|Stos|Lods|Scas|Cmps)[bwdq]_|^Xlat_m8|^Maskmov",
      "^Reservednop|^Endbr|^Prefetch|^Cldemote|^Nop_|^Pause$",
      "^(Arpl|Lar|Lsl|Lldt|Ltr|Verr|Verw|Lmsw)_|^Mov_Sreg_",
      "^Bt[src]?_.*_imm8",
      "^(Movmskp[sd]|Pmovmskb|Pextrw|Pinsrw|Extractps|Pextrb)_",
      "^Mov_.*moffs|^Fxch_",
    ].join("|"),
  ),
};

const check = (theirs: Opinion, ours: Instruction, codeBytes: CodeBytes): void => {
  const isKnown = theirs.features.every((feature) => KNOWN_FEATURES.has(feature));
  if (TAKEN_FOR_OTHERS.test(theirs.name)) return;
  if (theirs.isInvalid || !isKnown) {
    expect([theirs.code, ...UNDEFINED]).toContain(ours.mnemonic);
    return;
  }
  const known = DIFFERENT.name.test(theirs.code) || agrees(theirs.name, ours.mnemonic);
  expect([theirs.name, ours.mnemonic, known]).toEqual([theirs.name, ours.mnemonic, true]);
  expect([theirs.code, ours.lengthBytes]).toEqual([theirs.code, theirs.lengthBytes]);
  expect([theirs.code, ours.lock]).toEqual([theirs.code, theirs.lock]);
  if (DIFFERENT.operands.test(theirs.code)) return;
  const operands = ours.operands.map((operand) => operandText(operand, ours, codeBytes));
  expect([theirs.code, ...operands]).toEqual([theirs.code, ...theirs.operands]);
};

/** Random bytes, often behind prefixes and what opens another map, so that all of them are met. */
const code = fc
  .tuple(
    fc.array(
      fc.constantFrom(
        ...[0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x2e, 0x36, 0x3e, 0x26, 0x64, 0x65, 0x40, 0x44, 0x48, 0x4f],
      ),
      { maxLength: 3 },
    ),
    fc.constantFrom<readonly number[]>(
      ...[
        [],
        [],
        [],
        [0x0f],
        [0x0f],
        [0x0f],
        [0x0f, 0x38],
        [0x0f, 0x3a],
        [0xc4, 0xe2],
        [0xc4],
        [0xc5],
        [0x62],
      ],
    ),
    fc.uint8Array({ minLength: 15, maxLength: 15 }),
  )
  .map(([prefixes, opening, rest]) => Uint8Array.from([...prefixes, ...opening, ...rest].slice(0, 15)));

describe("decode", () => {
  for (const codeBytes of [2, 4, 8] as const satisfies readonly CodeBytes[]) {
    it(`agrees with another decoder on ${8 * codeBytes}-bit instructions: name, length, operands`, () => {
      fc.assert(
        fc.property(code, (bytes) => {
          const ours = decode(bytes, 0, 15, codeBytes);
          check(opinionOf(bytes, ours, codeBytes), ours, codeBytes);
        }),
        { numRuns: 15_000 },
      );
    });
  }
});
