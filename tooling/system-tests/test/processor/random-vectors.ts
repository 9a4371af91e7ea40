import { X86_64_V2_MODEL } from "@xenolith/x86-cpu";
import { decode } from "@xenolith/x86-cpu/decoder";
import fc from "fast-check";

/** Two bytes behind 0F, and what comes behind 0F 38 and 0F 3A: opcodes of MMX and SSE to SSE4.2. */
const range = (first: number, last: number): readonly number[] =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index);

const PLAIN = [
  ...range(0x10, 0x17),
  ...range(0x28, 0x2f),
  ...range(0x50, 0x77),
  ...range(0x7c, 0x7f),
  ...[0xc2, 0xc4, 0xc5, 0xc6],
  ...range(0xd0, 0xff),
].map((opcode) => [0x0f, opcode]);
const EXTENDED = [
  ...range(0x00, 0x0b),
  ...[0x10, 0x14, 0x15, 0x17],
  ...range(0x1c, 0x1e),
  ...range(0x20, 0x2b),
  ...range(0x30, 0x41),
  ...[0xf0, 0xf1],
].map((opcode) => [0x0f, 0x38, opcode]);
const IMMEDIATE = [
  ...range(0x08, 0x0f),
  ...range(0x14, 0x17),
  ...range(0x20, 0x22),
  ...range(0x40, 0x42),
  ...range(0x60, 0x63),
].map((opcode) => [0x0f, 0x3a, opcode]);

/** General registers that hold the stack pointer and an address of the program. */
const KEPT: readonly number[] = [4, 6];

/** MASKMOVDQU and its kin store at RDI, which may be anywhere. EMMS is there so that x87 code finds its registers. */
const UNWANTED: ReadonlySet<string> = new Set(["ud", "maskmovq", "maskmovdqu"]);

/** The instruction at the beginning of some bytes, if it is one that a program may have. */
const wholeInstruction = (bytes: readonly number[], isWide: boolean): readonly number[] | null => {
  const instruction = decode(Uint8Array.from(bytes), 0, bytes.length, isWide ? 8 : 4);
  const { mnemonic, feature, operands, lengthBytes } = instruction;
  const isThere = feature === "base" || X86_64_V2_MODEL.features.has(feature);
  const [target] = operands;
  const changesKept = target?.kind === "register" && KEPT.includes(target.register);
  return UNWANTED.has(mnemonic) || !isThere || changesKept ? null : bytes.slice(0, lengthBytes);
};

/** [address], in a form that 64-bit code has too. */
const absolute = (reg: number, address: number): readonly number[] => [
  (reg << 3) | 4,
  0x25,
  ...[0, 8, 16, 24].map((shift) => (address >>> shift) & 0xff),
];

/** Registers, or memory that is aligned to 16 bytes but for a few, which fault and end a program. */
const operandBytes = (address: fc.Arbitrary<number>): fc.Arbitrary<readonly number[]> =>
  fc.oneof(
    { weight: 30, arbitrary: fc.tuple(fc.nat(7), fc.nat(7)).map(([reg, rm]) => [0xc0 | (reg << 3) | rm]) },
    { weight: 20, arbitrary: fc.tuple(fc.nat(7), address).map(([reg, at]) => absolute(reg, at & ~15)) },
    { weight: 1, arbitrary: fc.tuple(fc.nat(7), address).map(([reg, at]) => absolute(reg, at)) },
  );

/** Any MMX or SSE instruction of the second level on registers and data; in 64-bit code with all sixteen registers. */
export const vectorInstruction = (
  isWide: boolean,
  address: fc.Arbitrary<number>,
): fc.Arbitrary<readonly number[]> =>
  fc
    .tuple(
      fc.constantFrom<readonly number[]>([], [0x66], [0x66], [0xf3], [0xf2]),
      isWide ? fc.option(fc.integer({ min: 0x40, max: 0x4f }), { freq: 2 }) : fc.constant(null),
      fc.oneof(
        { weight: 6, arbitrary: fc.constantFrom(...PLAIN) },
        { weight: 3, arbitrary: fc.constantFrom(...EXTENDED) },
        { weight: 2, arbitrary: fc.constantFrom(...IMMEDIATE) },
      ),
      operandBytes(address),
      fc.nat(255),
    )
    .map(([prefix, rex, opcode, operands, immediate]) => {
      const bytes = [...prefix, ...(rex === null ? [] : [rex]), ...opcode, ...operands, immediate];
      return wholeInstruction(bytes, isWide);
    })
    .filter((bytes) => bytes !== null);

/** Any x87 instruction on registers and data. Whatever unmasks exceptions is followed by FNINIT, now and then. */
export const x87Instruction = (
  isWide: boolean,
  address: fc.Arbitrary<number>,
): fc.Arbitrary<readonly number[]> =>
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc
        .tuple(fc.integer({ min: 0xd8, max: 0xdf }), operandBytes(address))
        .map(([opcode, operands]) => wholeInstruction([opcode, ...operands], isWide))
        .filter((bytes) => bytes !== null),
    },
    { weight: 1, arbitrary: fc.constantFrom([0xdb, 0xe3], [0x0f, 0x77], [0xd9, 0xe8], [0xd9, 0xeb]) },
  );
