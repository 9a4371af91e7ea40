import { createFlatMachine, type FlatMachine } from "@xenolith/bare-machine";
import { EXIT } from "@xenolith/machine-interface";
import { REGISTER } from "@xenolith/x86-architecture";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  bytesFrom,
  DATA,
  PROGRAM,
  type RandomProgram,
  randomProgram,
  STACK_TOP,
  TARGET_TABLE,
} from "./random-programs.ts";

/** All RAM of a flat machine but for its tables: programs that go wild may write anywhere. */
const SEEN_BYTES = 0x1f_0000;

const machinesOf = (mode: "protected-flat" | "long-flat") => {
  const make = (options: {
    readonly engine?: "interpreter";
    readonly translateAfter?: number;
  }): FlatMachine => createFlatMachine({ mode, memoryMib: 2, recordBytes: 1 << 20, ...options });
  return {
    interpreted: make({ engine: "interpreter" }),
    translated: make({ translateAfter: 0 }),
    warming: make({ translateAfter: 5 }),
  };
};

const fresh = {
  "protected-flat": createFlatMachine({ mode: "protected-flat", memoryMib: 2 }).processor.save(),
  "long-flat": createFlatMachine({ mode: "long-flat", memoryMib: 2 }).processor.save(),
};

const load = (machine: FlatMachine, mode: "protected-flat" | "long-flat", program: RandomProgram): void => {
  machine.processor.restore(fresh[mode]);
  machine.write(PROGRAM - 0x1_0000, new Uint8Array(SEEN_BYTES));
  machine.write(PROGRAM, program.code);
  machine.write(DATA, bytesFrom(program.seed, 0x2000));
  const table = new Uint8Array(32);
  program.targets.forEach((target, index) => {
    new DataView(table.buffer).setUint32(8 * index, target, true);
  });
  machine.write(TARGET_TABLE, table);
  const registers = new DataView(bytesFrom(program.seed ^ 0x5555, 128).buffer);
  for (let index = 0; index < (mode === "long-flat" ? 16 : 8); index++) {
    machine.context.setWideRegister(index, BigInt(registers.getUint32(8 * index, true)));
  }
  machine.context.setWideRegister(REGISTER.rsi, BigInt(program.seed & 0xff));
  machine.context.setWideRegister(REGISTER.rsp, BigInt(STACK_TOP));
  machine.context.flags = 2;
  machine.context.instructionPointer = PROGRAM;
};

interface Outcome {
  readonly kind: number;
  readonly retired: number;
}

/** Runs until so many instructions have retired or something else happens; `slices` are the budgets of the runs. */
const runFor = (machine: FlatMachine, count: number, slices: readonly number[] = [count]): Outcome => {
  let retired = 0;
  for (let turn = 0; retired < count; turn++) {
    const slice = Math.min(slices[turn % slices.length] ?? 1, count - retired);
    const exit = machine.processor.run(slice);
    retired += exit.retired;
    if (exit.kind !== EXIT.budget) return { kind: exit.kind, retired };
  }
  return { kind: EXIT.budget, retired };
};

const expectSame = (one: FlatMachine, other: FlatMachine): void => {
  expect(Buffer.from(other.processor.save()).equals(Buffer.from(one.processor.save()))).toBe(true);
  expect(Buffer.compare(one.read(0, SEEN_BYTES), other.read(0, SEEN_BYTES))).toBe(0);
};

describe.each(["protected-flat", "long-flat"] as const)("interpreter and translator, %s", (mode) => {
  const { interpreted, translated, warming } = machinesOf(mode);

  it.each([
    ["integer", false],
    ["integer and floating-point", true],
  ] as const)(
    "leave the same state behind after %s programs",
    (_name, hasFloating) => {
      fc.assert(
        fc.property(
          randomProgram(mode === "long-flat", hasFloating),
          fc.integer({ min: 1, max: 3000 }),
          (program, count) => {
            for (const machine of [interpreted, translated, warming]) load(machine, mode, program);
            const outcome = runFor(interpreted, count);
            expect(runFor(translated, count)).toEqual(outcome);
            expectSame(interpreted, translated);
            expect(runFor(warming, count, [7, 1, 100, 13])).toEqual(outcome);
            expectSame(interpreted, warming);
          },
        ),
        { numRuns: 150 },
      );
    },
    120_000,
  );

  it("can take turns at any instruction", () => {
    const turns = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 2, maxLength: 12 });
    fc.assert(
      fc.property(randomProgram(mode === "long-flat"), turns, (program, budgets) => {
        for (const machine of [interpreted, translated, warming]) load(machine, mode, program);
        const total = budgets.reduce((sum, budget) => sum + budget, 0);
        const outcome = runFor(interpreted, total);
        let retired = 0;
        let from = translated;
        let to = warming;
        let kind: number = EXIT.budget;
        for (const budget of budgets) {
          const turn = runFor(from, budget);
          retired += turn.retired;
          kind = turn.kind;
          if (kind !== EXIT.budget) break;
          to.write(0, from.read(0, SEEN_BYTES));
          to.processor.restore(from.processor.save());
          [from, to] = [to, from];
        }
        expect({ kind, retired }).toEqual(outcome);
        expectSame(interpreted, from);
      }),
      { numRuns: 100 },
    );
  }, 120_000);
});

describe.each(["protected-flat", "long-flat"] as const)("a run of n instructions, %s", (mode) => {
  it("is the same for 1000 n, interpreted, translated and in a mixture", () => {
    const { interpreted, translated, warming } = machinesOf(mode);
    const isWide = mode === "long-flat";
    // Counting, memory, calls, a repeated move: xor eax, eax; l: add eax, [esi]; mov [esi+4], eax; call f; and esi, 0xfff;
    // add esi, DATA; inc edx; test edx, 7; jnz l; mov edi, DATA+0x800; mov ecx, 5; rep stosd; jmp l; f: lea esi, [esi+12]; ret
    const body = [
      ...[0x31, 0xc0, 0x03, 0x06, 0x89, 0x46, 0x04, 0xe8, 0x26, 0, 0, 0],
      ...[
        0x81, 0xe6, 0xff, 0x0f, 0, 0, 0x81, 0xc6, 0, 0, 0x02, 0, 0xff, 0xc2, 0xf7, 0xc2, 7, 0, 0, 0, 0x75,
        0xe0,
      ],
      ...[
        0xbf, 0, 0x08, 0x02, 0, 0xb9, 5, 0, 0, 0, 0xf3, 0xab, 0xeb, 0xd2, 0x90, 0x90, 0x8d, 0x76, 0x0c, 0xc3,
      ],
    ];
    const program = { code: Uint8Array.from(body), seed: 12345, targets: [] };
    const counts = fc.sample(fc.integer({ min: 1, max: 20_000 }), { numRuns: 1000, seed: isWide ? 2 : 1 });
    const sorted = [...new Set(counts)].sort((a, b) => a - b);
    for (const machine of [interpreted, translated, warming]) {
      load(machine, mode, program);
      machine.context.setWideRegister(REGISTER.rsi, BigInt(DATA));
    }
    let before = 0;
    for (const [index, count] of sorted.entries()) {
      const step = count - before;
      before = count;
      expect(runFor(interpreted, step)).toEqual({ kind: EXIT.budget, retired: step });
      expect(runFor(translated, step)).toEqual({ kind: EXIT.budget, retired: step });
      // The mixture: this one takes over from the translator every now and then, and goes on in slices of its own.
      if (index % 10 === 0) {
        warming.write(0, translated.read(0, SEEN_BYTES));
        warming.processor.restore(translated.processor.save());
      } else runFor(warming, step, [1, 3, 1000]);
      expectSame(interpreted, translated);
      expectSame(interpreted, warming);
    }
  }, 120_000);
});
