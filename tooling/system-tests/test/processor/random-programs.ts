import fc from "fast-check";
import { vectorInstruction, x87Instruction } from "./random-vectors.ts";

/** Where programs lie, and the data that most of their accesses go to: two pages, and a table of targets behind. */
export const PROGRAM = 0x1_0000;
export const DATA = 0x2_0000;
export const STACK_TOP = 0x3_0000;
const TARGETS = DATA + 0x2000;

/** Bytes of one instruction, or a jump whose target is a block. */
type Piece = readonly number[] | { readonly opcode: readonly number[]; readonly block: number };

const word = (value: number): readonly number[] => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);

/** Registers that programs compute with: not RSP, and not RSI, which holds an address. */
const register = fc.constantFrom(0, 1, 2, 3, 5, 7);
const condition = fc.nat(15);
const dataAddress = fc.integer({ min: DATA, max: DATA + 0x1ff0 });

const modRm = (mode: number, reg: number, rm: number): number => (mode << 6) | (reg << 3) | rm;

/** [address]: in 64-bit code the short form counts from RIP. */
const absolute = (reg: number, address: number): readonly number[] => [
  modRm(0, reg, 4),
  0x25,
  ...word(address),
];
/** [rsi + displacement]. */
const byIndex = (reg: number, displacement: number): readonly number[] => [
  modRm(2, reg, 6),
  ...word(displacement),
];

const memory = (reg: number): fc.Arbitrary<readonly number[]> =>
  fc.oneof(
    dataAddress.map((address) => absolute(reg, address)),
    fc.nat(0x1f00).map((displacement) => byIndex(reg, DATA + displacement)),
  );

/** 66, REX.W or nothing, before an instruction of the operand size. */
const sizePrefix = (isWide: boolean): fc.Arbitrary<readonly number[]> =>
  isWide ? fc.constantFrom([], [0x48], [0x48], [0x66]) : fc.constantFrom([], [], [0x66]);

const immediateBytes = (prefix: readonly number[], value: number): readonly number[] =>
  prefix.includes(0x66) ? [value & 0xff, (value >>> 8) & 0xff] : word(value);

/** Instructions without jumps. */
const plain = (isWide: boolean): fc.Arbitrary<readonly number[]> => {
  const sized = (body: fc.Arbitrary<readonly number[]>): fc.Arbitrary<readonly number[]> =>
    fc.tuple(sizePrefix(isWide), body).map(([prefix, bytes]) => [...prefix, ...bytes]);
  const two = (opcode: readonly number[]): fc.Arbitrary<readonly number[]> =>
    fc.tuple(register, register).map(([a, b]) => [...opcode, modRm(3, a, b)]);
  const withMemory = (opcode: readonly number[]): fc.Arbitrary<readonly number[]> =>
    register.chain((reg) => memory(reg).map((place) => [...opcode, ...place]));
  const arithmetic = fc.constantFrom(0x01, 0x09, 0x11, 0x19, 0x21, 0x29, 0x31, 0x39, 0x85, 0x89);
  const loads = fc.constantFrom(0x03, 0x0b, 0x13, 0x1b, 0x23, 0x2b, 0x33, 0x3b, 0x8b, 0x87);
  const bytes = fc.constantFrom(0x00, 0x08, 0x10, 0x18, 0x20, 0x28, 0x30, 0x38, 0x84, 0x88, 0x02, 0x8a);
  return fc.oneof(
    { weight: 6, arbitrary: sized(arithmetic.chain((opcode) => two([opcode]))) },
    { weight: 4, arbitrary: sized(arithmetic.chain((opcode) => withMemory([opcode]))) },
    { weight: 4, arbitrary: sized(loads.chain((opcode) => withMemory([opcode]))) },
    {
      weight: 2,
      arbitrary: bytes.chain((opcode) =>
        fc.tuple(fc.nat(3), fc.nat(3)).map(([a, b]) => [opcode, modRm(3, a, b)]),
      ),
    },
    {
      weight: 2,
      arbitrary: bytes.chain((opcode) =>
        fc.nat(3).chain((reg) => memory(reg).map((place) => [opcode, ...place])),
      ),
    },
    // op r, imm8 and imm32
    {
      weight: 3,
      arbitrary: sized(
        fc
          .tuple(fc.nat(7), register, fc.nat(255))
          .map(([op, reg, value]) => [0x83, modRm(3, op, reg), value]),
      ),
    },
    {
      weight: 2,
      arbitrary: fc
        .tuple(sizePrefix(isWide), fc.nat(7), register, fc.nat(0xffff_ffff))
        .map(([prefix, op, reg, value]) => [
          ...prefix,
          0x81,
          modRm(3, op, reg),
          ...immediateBytes(prefix, value),
        ]),
    },
    // shifts and rotations by an immediate and by CL; double shifts
    {
      weight: 3,
      arbitrary: sized(
        fc.tuple(fc.nat(7), register, fc.nat(70)).map(([op, reg, count]) => [0xc1, modRm(3, op, reg), count]),
      ),
    },
    {
      weight: 2,
      arbitrary: sized(fc.tuple(fc.nat(7), register).map(([op, reg]) => [0xd3, modRm(3, op, reg)])),
    },
    { weight: 1, arbitrary: sized(fc.constantFrom([0x0f, 0xa5], [0x0f, 0xad]).chain(two)) },
    // inc, dec, not, neg, mul, imul
    {
      weight: 2,
      arbitrary: sized(
        fc
          .tuple(fc.constantFrom([0xff, 0], [0xff, 1], [0xf7, 2], [0xf7, 3], [0xf7, 4], [0xf7, 5]), register)
          .map(([[opcode = 0, op = 0], reg]) => [opcode, modRm(3, op, reg)]),
      ),
    },
    { weight: 1, arbitrary: sized(two([0x0f, 0xaf])) },
    // or ecx, 1; xor edx, edx; div ecx
    {
      weight: 1,
      arbitrary: fc.constantFrom([0x83, 0xc9, 1, 0x31, 0xd2, 0xf7, 0xf1], [0x83, 0xc9, 1, 0x99, 0xf7, 0xf9]),
    },
    // setcc, cmovcc, movzx, movsx, bsf, bsr, bt and its kin, bswap, xadd, cmpxchg
    {
      weight: 2,
      arbitrary: fc.tuple(condition, fc.nat(3)).map(([cc, reg]) => [0x0f, 0x90 | cc, modRm(3, 0, reg)]),
    },
    { weight: 2, arbitrary: sized(condition.chain((cc) => two([0x0f, 0x40 | cc]))) },
    {
      weight: 2,
      arbitrary: sized(
        fc
          .constantFrom(0xb6, 0xb7, 0xbe, 0xbf, 0xbc, 0xbd)
          .chain((opcode) => fc.tuple(register, fc.nat(3)).map(([a, b]) => [0x0f, opcode, modRm(3, a, b)])),
      ),
    },
    {
      weight: 1,
      arbitrary: sized(
        fc.constantFrom(0xa3, 0xab, 0xb3, 0xbb, 0xc1, 0xb1).chain((opcode) => two([0x0f, opcode])),
      ),
    },
    { weight: 1, arbitrary: register.map((reg) => [0x0f, 0xc8 | reg]) },
    // lea, mov r, imm32, push and pop, pushf and popf, lahf and sahf, flags
    { weight: 2, arbitrary: sized(withMemory([0x8d])) },
    {
      weight: 2,
      arbitrary: fc.tuple(register, fc.nat(0xffff_ffff)).map(([reg, value]) => [0xb8 | reg, ...word(value)]),
    },
    { weight: 2, arbitrary: fc.tuple(register, register).map(([a, b]) => [0x50 | a, 0x58 | b]) },
    { weight: 1, arbitrary: fc.constantFrom([0x9c, 0x9d], [0x9f], [0x9e], [0xf5], [0xf8], [0xf9]) },
    // and esi, 0xff
    { weight: 1, arbitrary: fc.constant([0x81, 0xe6, 0xff, 0, 0, 0]) },
    // mov edi, DATA; mov ecx, n; cld; rep stos or rep movs (RSI points into the data while it lasts)
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.nat(20), fc.constantFrom(0xaa, 0xab, 0xa4, 0xa5))
        .map(([count, opcode]) => [
          0xfc,
          0xbf,
          ...word(DATA + 0xff0),
          0xb9,
          ...word(count),
          0x81,
          0xc6,
          ...word(DATA),
          0xf3,
          opcode,
          0x81,
          0xe6,
          0xff,
          0,
          0,
          0,
        ]),
    },
  );
};

/** x87, MMX and SSE instructions on registers and data. */
const floating = (isWide: boolean): fc.Arbitrary<readonly number[]> =>
  fc.oneof(
    { weight: 2, arbitrary: vectorInstruction(isWide, dataAddress) },
    { weight: 1, arbitrary: x87Instruction(isWide, dataAddress) },
  );

const jump = (blocks: number): fc.Arbitrary<readonly Piece[]> =>
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc
        .tuple(condition, fc.nat(blocks - 1))
        .map(([cc, block]) => [{ opcode: [0x0f, 0x80 | cc], block }]),
    },
    { weight: 2, arbitrary: fc.nat(blocks - 1).map((block) => [{ opcode: [0xe9], block }]) },
    { weight: 2, arbitrary: fc.nat(blocks - 1).map((block) => [{ opcode: [0xe8], block }]) },
    { weight: 1, arbitrary: fc.constant([[0xc3]]) },
    // and eax, 3; mov ebx, [TARGETS + eax * 8]; jmp (e/r)bx
    {
      weight: 1,
      arbitrary: fc.constant([[0x83, 0xe0, 3, 0x8b, 0x1c, 0xc5, ...word(TARGETS), 0xff, 0xe3]]),
    },
    // A store into the code: the displacement of a later instruction, perhaps.
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.nat(300), fc.nat(255))
        .map(([at, value]) => [[0xc6, ...absolute(0, PROGRAM + at), value]]),
    },
  );

/** A program and what its data are made from. */
export interface RandomProgram {
  readonly code: Uint8Array;
  readonly seed: number;
  /** Addresses of blocks that indirect jumps go to. */
  readonly targets: readonly number[];
}

const assemble = (blocks: readonly (readonly Piece[])[], seed: number): RandomProgram => {
  const lengthOf = (piece: Piece): number => ("opcode" in piece ? piece.opcode.length + 4 : piece.length);
  const starts: number[] = [];
  let at = 0;
  for (const block of blocks) {
    starts.push(at);
    for (const piece of block) at += lengthOf(piece);
  }
  const bytes: number[] = [];
  for (const piece of blocks.flat()) {
    if (!("opcode" in piece)) bytes.push(...piece);
    else {
      const end = bytes.length + piece.opcode.length + 4;
      bytes.push(...piece.opcode, ...word((starts[piece.block] ?? 0) - end));
    }
  }
  const targets = [0, 1, 2, 3].map((index) => PROGRAM + (starts[index % starts.length] ?? 0));
  return { code: Uint8Array.from([...bytes, 0xf4]), seed, targets };
};

/** Programs of several blocks that jump to and call one another, for ever or until something stops them. */
export const randomProgram = (isWide: boolean, hasFloating = false): fc.Arbitrary<RandomProgram> =>
  fc.integer({ min: 2, max: 7 }).chain((count) => {
    const instruction = hasFloating
      ? fc.oneof({ weight: 3, arbitrary: plain(isWide) }, { weight: 2, arbitrary: floating(isWide) })
      : plain(isWide);
    const block = fc
      .tuple(fc.array(instruction, { minLength: 1, maxLength: 7 }), jump(count))
      .map(([body, end]): readonly Piece[] => [...body, ...end]);
    return fc
      .tuple(fc.array(block, { minLength: count, maxLength: count }), fc.nat())
      .map(([blocks, seed]) => assemble(blocks, seed));
  });

/** Bytes that follow from a seed, for data and registers. */
export const bytesFrom = (seed: number, length: number): Uint8Array => {
  let state = (seed | 1) >>> 0;
  return Uint8Array.from({ length }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 24;
  });
};

/** Place of the table that indirect jumps look into, entries of 8 bytes. */
export const TARGET_TABLE: number = TARGETS;
