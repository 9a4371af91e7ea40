import { EXIT } from "@xenolith/machine-interface";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decode } from "../../src/decoder/index.ts";
import { createMemoryArchive } from "../support/memory-archive.ts";
import { ABOVE, UPPER } from "../support/wide-bench.ts";
import { createWildMachine, WILD_FLAGS, type WildMachine, type WildProgram } from "../support/wild-code.ts";

const pointer = fc
  .oneof(
    { weight: 3, arbitrary: fc.integer({ min: 0x1000, max: 0x3_f000 }) },
    { weight: 1, arbitrary: fc.nat({ max: 0xffff_ffff }) },
  )
  .map(BigInt);
const codeByte = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: 0, max: 255 }) },
  { weight: 1, arbitrary: fc.constantFrom(0x66, 0x67, 0x0f, 0xf3, 0x64, 0x8b, 0x89, 0xa4) },
);

/** What all sizes of code have in common. */
const common = {
  at: fc.nat({ max: 0x1fff }),
  flags: fc.nat({ max: 0xfff }).map((bits) => (bits & 0xcd5) | WILD_FLAGS),
};

const bytes = (byte: fc.Arbitrary<number>): fc.Arbitrary<Uint8Array> =>
  fc.array(byte, { minLength: 300, maxLength: 400 }).map((list) => Uint8Array.from(list));

const narrowProgram: fc.Arbitrary<WildProgram> = fc.record({
  ...common,
  code: bytes(codeByte),
  registers: fc.array(pointer, { minLength: 8, maxLength: 8 }),
  privilege: fc.constantFrom<1 | 3>(1, 3),
  codeBytes: fc.constantFrom<2 | 4>(2, 4),
  mirror: fc.constant(0),
  dataBase: fc.constantFrom(0, 0, 0x800),
  dataLimit: fc.constantFrom(0xffff_ffff, 0xffff_ffff, 0x3_ffff),
});

/** Opcodes of instructions on general registers and memory, of branches and of string instructions; 0x100: behind 0F. */
const USUAL_OPCODES = [
  ...[0x00, 0x01, 0x02, 0x03, 0x08, 0x11, 0x19, 0x21, 0x29, 0x2b, 0x31, 0x39, 0x3b],
  ...[0x50, 0x58, 0x63, 0x68, 0x69, 0x6a, 0x6b, 0x74, 0x75, 0x80, 0x81, 0x83, 0x84, 0x85, 0x86, 0x87],
  ...[0x88, 0x89, 0x8a, 0x8b, 0x8d, 0x8f, 0x98, 0x99, 0xa4, 0xa5, 0xa7, 0xaa, 0xab, 0xad, 0xaf, 0xb8],
  ...[0xc0, 0xc1, 0xc3, 0xc6, 0xc7, 0xc9, 0xd1, 0xd3, 0xe2, 0xe3, 0xe8, 0xeb, 0xf7, 0xfe, 0xff],
  ...[
    0x144, 0x14c, 0x184, 0x194, 0x1a3, 0x1a4, 0x1ab, 0x1ad, 0x1af, 0x1b1, 0x1b6, 0x1bc, 0x1bf, 0x1c1, 0x1c8,
  ],
];

/** An instruction of 64-bit code: prefixes, an opcode, and as many random bytes as belong to it. */
const usualInstruction = fc
  .tuple(
    fc.constantFrom<readonly number[]>([], [], [], [0x66], [0x67], [0x64], [0xf3], [0xf2, 0x67]),
    fc.option(fc.integer({ min: 0x40, max: 0x4f }), { freq: 3 }),
    fc.constantFrom(...USUAL_OPCODES),
    fc.uint8Array({ minLength: 12, maxLength: 12 }),
  )
  .map(([prefixes, rex, opcode, rest]) => {
    const head = [
      ...prefixes,
      ...(rex === null ? [] : [rex]),
      ...(opcode > 0xff ? [0x0f] : []),
      opcode & 0xff,
    ];
    const all = Uint8Array.from([...head, ...rest]).subarray(0, 15);
    return all.subarray(0, decode(all, 0, 15, 8).lengthBytes);
  });

const usualCode = fc
  .array(usualInstruction, { minLength: 60, maxLength: 90 })
  .map((list) => Uint8Array.from(list.flatMap((one) => [...one])));

/** Sensible instructions, or bytes of which a quarter are REX prefixes. Pointers lead into any mirror of RAM, or nowhere. */
const wideProgram: fc.Arbitrary<WildProgram> = fc.record({
  ...common,
  code: fc.oneof(
    usualCode,
    bytes(
      fc.oneof(
        { weight: 3, arbitrary: codeByte },
        { weight: 1, arbitrary: fc.integer({ min: 0x40, max: 0x4f }) },
      ),
    ),
  ),
  registers: fc.array(
    fc.oneof(
      { weight: 3, arbitrary: pointer },
      { weight: 2, arbitrary: pointer.map((value) => value + BigInt(ABOVE)) },
      { weight: 2, arbitrary: pointer.map((value) => BigInt.asUintN(64, value + BigInt(UPPER))) },
      { weight: 1, arbitrary: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) },
    ),
    { minLength: 16, maxLength: 16 },
  ),
  privilege: fc.constant<3>(3),
  codeBytes: fc.constant<8>(8),
  mirror: fc.constantFrom(0, ABOVE, UPPER),
  dataBase: fc.constantFrom(0, 0x800, UPPER),
  dataLimit: fc.constant(0xffff_ffff),
});

const INSTRUCTIONS = 150;
/** Translates nothing in practice. */
const NEVER = 1_000_000;

/** One program: what one machine does in slices, the other does instruction by instruction. */
const compare = (whole: WildMachine, stepped: WildMachine, wild: WildProgram, slice: number): void => {
  whole.start(wild);
  stepped.start(wild);
  for (let retired = 0; retired < INSTRUCTIONS; ) {
    const exit = whole.run(slice);
    expect(exit.retired).toBeLessThanOrEqual(slice);
    if (exit.kind === EXIT.budget) expect(exit.retired).toBe(slice);
    let last = { ...exit, kind: EXIT.budget as typeof exit.kind, retired: 0 };
    let steps = 0;
    while (steps < slice) {
      last = stepped.run(1);
      steps += last.retired;
      if (last.kind !== EXIT.budget) break;
    }
    expect({ ...last, retired: steps }).toEqual(exit);
    expect(stepped.state()).toEqual(whole.state());
    retired += Math.max(1, exit.retired);
    if (exit.kind !== EXIT.budget) {
      whole.goOn(exit);
      stepped.goOn(exit);
    }
  }
  const ram = whole.memory.ramBytes;
  expect(Buffer.compare(whole.memory.bytes.subarray(0, ram), stepped.memory.bytes.subarray(0, ram))).toBe(0);
};

const slices = fc.integer({ min: 1, max: 40 });

describe("wild code", () => {
  for (const [name, program, isLong, pages, numRuns] of [
    ["16 and 32-bit code", narrowProgram, false, Number.POSITIVE_INFINITY, 120],
    ["64-bit code", wideProgram, true, Number.POSITIVE_INFINITY, 120],
    ["16 and 32-bit code with a TLB of one page", narrowProgram, false, 1, 60],
    ["64-bit code with a TLB of one page", wideProgram, true, 1, 60],
    ["64-bit code with a TLB of two pages", wideProgram, true, 2, 60],
  ] as const) {
    it(`never throws, and is the same whole and translated as stepped and interpreted: ${name}`, () => {
      const whole = createWildMachine(isLong, { engine: "auto", translateAfter: 0 }, pages);
      const stepped = createWildMachine(isLong, { engine: "interpreter" });
      fc.assert(
        fc.property(program, slices, (wild, slice) => compare(whole, stepped, wild, slice)),
        { numRuns, endOnFailure: true },
      );
    }, 120_000);
  }

  for (const [name, program, isLong] of [
    ["32-bit", narrowProgram, false],
    ["64-bit", wideProgram, true],
  ] as const) {
    it(`is the same with translations that another engine has made: ${name} code`, () => {
      const translationArchive = createMemoryArchive();
      const maker = createWildMachine(isLong, { translateAfter: 0, translationArchive });
      const programs = fc.sample(program, 60);
      for (const wild of programs) {
        maker.start(wild);
        for (let turn = 0; turn < 10; turn++) {
          const exit = maker.run(30);
          if (exit.kind !== EXIT.budget) maker.goOn(exit);
        }
      }
      expect(translationArchive.modules.length).toBeGreaterThan(0);
      const user = createWildMachine(isLong, { translateAfter: NEVER, translationArchive });
      const stepped = createWildMachine(isLong, { engine: "interpreter" });
      fc.assert(
        fc.property(fc.constantFrom(...programs), slices, (wild, slice) =>
          compare(user, stepped, wild, slice),
        ),
        { numRuns: 120, endOnFailure: true },
      );
    }, 120_000);
  }
});
