import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TRACED_REGISTERS } from "../../src/instrumentation/register-fields.ts";
import {
  createTraceReader,
  createTraceWriter,
  type TracedInstruction,
  type TraceProblem,
  type TraceRecord,
} from "../../src/trace/index.ts";

const address = fc.oneof(
  fc.nat(0xffff_ffff),
  fc.integer({ min: 0x1000, max: 0x1040 }),
  fc.maxSafeInteger().map((value) => value % 2 ** 47),
);
const wide = (bits: number): fc.Arbitrary<bigint> => fc.bigInt({ min: 0n, max: (1n << BigInt(bits)) - 1n });

const access = fc.constantFrom(1, 2, 4, 8, 16, 64).chain((sizeBytes) =>
  fc.record({
    kind: fc.constantFrom<"read" | "write">("read", "write"),
    address,
    sizeBytes: fc.constant(sizeBytes),
    value: wide(8 * sizeBytes),
  }),
);

const instruction: fc.Arbitrary<TracedInstruction> = fc
  .record({
    address,
    base: fc.constantFrom(0, 0, 0x1_0000),
    bytes: fc.oneof(
      fc.constantFrom(Uint8Array.of(0x90), Uint8Array.of(0x89, 0xc8)),
      fc.uint8Array({ maxLength: 15 }),
    ),
    codeBytes: fc.constantFrom<2 | 4 | 8>(2, 4, 8),
    hasRetired: fc.boolean(),
    accesses: fc.array(access, { maxLength: 3 }),
    changes: fc.uniqueArray(fc.record({ name: fc.constantFrom(...TRACED_REGISTERS), after: wide(64) }), {
      maxLength: 3,
      selector: ({ name }) => name,
    }),
  })
  .map(({ base, ...rest }) => ({ ...rest, instructionPointer: rest.address - base }));

const write = (instructions: readonly TracedInstruction[]): Uint8Array => {
  const chunks: Uint8Array[] = [];
  const writer = createTraceWriter((chunk) => chunks.push(chunk));
  for (const one of instructions) writer.add(one);
  writer.end();
  return Uint8Array.from(chunks.flatMap((chunk) => [...chunk]));
};

interface Outcome {
  readonly records: readonly TraceRecord[];
  readonly problem: TraceProblem | null;
}

const read = (bytes: Uint8Array, chunkBytes: number): Outcome => {
  const records: TraceRecord[] = [];
  const reader = createTraceReader((record) => records.push(record));
  for (let at = 0; at < bytes.length; at += chunkBytes) reader.push(bytes.subarray(at, at + chunkBytes));
  return { records, problem: reader.finish() };
};

const plain = ({ text: _text, ...record }: TraceRecord): TracedInstruction => record;

describe("a trace", () => {
  it("gives back what was written, in whatever pieces it comes", () => {
    fc.assert(
      fc.property(
        fc.array(instruction, { maxLength: 40 }),
        fc.integer({ min: 1, max: 200 }),
        (list, pieces) => {
          const { records, problem } = read(write(list), pieces);
          expect(problem).toBeNull();
          expect(records.map(plain)).toEqual(list);
        },
      ),
      { numRuns: 300 },
    );
  });

  it("that ends early gives what there is and says so", () => {
    fc.assert(
      fc.property(fc.array(instruction, { minLength: 1, maxLength: 10 }), fc.nat(), (list, cut) => {
        const bytes = write(list);
        const { records, problem } = read(bytes.subarray(0, cut % bytes.length), 64);
        expect(problem?.message).toMatch(/stops after/);
        expect(records.map(plain)).toEqual(list.slice(0, records.length));
      }),
      { numRuns: 200 },
    );
  });

  it("of any bytes is read or refused, and never throws", () => {
    const spoiled = fc
      .tuple(
        fc.array(instruction, { maxLength: 10 }),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 6 }),
      )
      .map(([list, changes]) => {
        const bytes = write(list);
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
        return bytes;
      });
    fc.assert(
      fc.property(fc.oneof(spoiled, fc.uint8Array({ maxLength: 300 })), (bytes) => {
        const { records } = read(bytes, 50);
        for (const record of records) expect(record.text.length).toBeGreaterThan(0);
      }),
      { numRuns: 1500 },
    );
  });

  it("that promises more than it may have is refused at once", () => {
    const header = [0x58, 0x54, 0x52, 0x43, 1, 0, 0, 0];
    const reader = createTraceReader(() => {});
    // Context and code, then a count of accesses beyond any bound.
    expect(
      reader.push(Uint8Array.from([...header, 1 | 4 | 8, 4, 0, 1, 0x90, 0xff, 0xff, 0x7f])),
    ).toMatchObject({
      message: expect.stringMatching(/makes no sense/),
    });
    expect(createTraceReader(() => {}).push(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8))?.message).toMatch(
      /not a trace/,
    );
    expect(
      createTraceReader(() => {}).push(Uint8Array.from([...header.slice(0, 4), 9, 0, 0, 0]))?.message,
    ).toMatch(/version 9/);
  });
});
