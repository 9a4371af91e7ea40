import { EXIT } from "@xenolith/machine-interface";
import { REGISTER } from "@xenolith/x86-architecture";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loopProgram } from "../support/arithmetic-programs.ts";
import { CODE, STACK, snapshot } from "../support/engine-bench.ts";
import { createInstrumentedBench, type InstrumentedBench } from "../support/instrumented-bench.ts";

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

const fresh = createInstrumentedBench().vcpu.save();

const start = ({ vcpu, memory, load }: InstrumentedBench, program: Uint8Array): void => {
  vcpu.restore(fresh);
  memory.bytes.fill(0, 0x8000, 0xa000);
  memory.bytes.fill(0, STACK - 64, STACK);
  for (let index = 0; index < 8; index++) vcpu.context.setRegister(index, 0x1111_1111 * index);
  vcpu.context.setRegister(REGISTER.rsp, STACK);
  vcpu.context.flags = 2;
  load(hexOf(program));
};

/** Runs to the HLT in slices, over whatever ends a run before. */
const finish = ({ vcpu, memory }: InstrumentedBench, slice: number) => {
  let retired = 0;
  for (let run = 0; run < 100_000; run++) {
    const exit = vcpu.run(slice);
    retired += exit.retired;
    if (exit.kind === EXIT.halt) break;
  }
  return [retired, ...snapshot(vcpu.context), hexOf(memory.bytes.subarray(0x8000, 0xa000))];
};

describe("a processor that is looked into", () => {
  const plain = createInstrumentedBench();
  const watched = createInstrumentedBench();

  it("does what it would do anyhow", () => {
    fc.assert(
      fc.property(loopProgram, fc.integer({ min: 1, max: 40 }), fc.nat(), (program, slice, seed) => {
        start(plain, program);
        start(watched, program);
        const { vcpu } = watched;
        const at = CODE + (seed % program.length);
        const range = { start: 0x8000 + (seed % 0x1f00), end: 0x8100 + (seed % 0x1f00) };
        let calls = 0;
        const count = (): void => {
          calls += 1;
        };
        const hooks = [
          vcpu.addBreakpoint(at),
          vcpu.onExecute({ start: at, end: at + 8 }, count),
          vcpu.onRead(range, count),
          vcpu.onWrite(range, count),
          vcpu.addWatchpoint({ start: range.start + 8, end: range.start + 12 }, "any"),
          ...(seed % 3 === 0 ? [vcpu.onInstruction(count)] : []),
        ];
        expect(finish(watched, slice)).toEqual(finish(plain, 1000));
        if (seed % 3 === 0) expect(calls).toBeGreaterThan(0);
        for (const hook of hooks) hook.remove();
      }),
      { numRuns: 150 },
    );
  });

  it("is the same after it was saved and restored elsewhere, at any instruction", () => {
    fc.assert(
      fc.property(loopProgram, fc.integer({ min: 0, max: 60 }), (program, at) => {
        start(plain, program);
        start(watched, program);
        const early = plain.vcpu.run(at);
        const saved = plain.vcpu.save();
        watched.memory.bytes.set(plain.memory.bytes.subarray(0x8000, 0xa000), 0x8000);
        watched.memory.bytes.set(plain.memory.bytes.subarray(STACK - 64, STACK), STACK - 64);
        watched.vcpu.restore(saved);
        expect(watched.vcpu.save()).toEqual(saved);
        if (early.kind === EXIT.halt) {
          expect(watched.vcpu.run(1)).toMatchObject({ kind: EXIT.halt, retired: 0 });
        } else expect(finish(watched, 7)).toEqual(finish(plain, 1000));
      }),
      { numRuns: 150 },
    );
  });
});
