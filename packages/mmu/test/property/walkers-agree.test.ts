import { FRAME_WATCH, toMfn } from "@xenolith/machine-interface";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fillTables, type Scene, scene } from "../support/scene.ts";
import { type Bench, createBench } from "../support/setup.ts";

const RAM_FRAMES = 64;

const prepare = (bench: Bench, { seed, context, watched }: Scene): void => {
  fillTables(bench.memory.words, seed, context.format !== "two-level");
  for (let frame = 0; frame < RAM_FRAMES; frame++) bench.memory.unwatch(toMfn(frame), FRAME_WATCH.hook);
  for (const frame of watched) bench.memory.watch(toMfn(frame), FRAME_WATCH.hook);
};

describe("the generated refill and the one in TypeScript", () => {
  const generated = createBench(RAM_FRAMES);
  const reference = createBench(RAM_FRAMES);
  const ramBytes = RAM_FRAMES * 4096;

  it("give the same answers, set the same bits and fill the same entries", () => {
    fc.assert(
      fc.property(scene, (given) => {
        const { context, accesses } = given;
        for (const bench of [generated, reference]) {
          prepare(bench, given);
          bench.setContext(context);
        }
        for (const { at, access } of accesses) {
          const answer = generated.active(at, access);
          expect(answer).toEqual(reference.reference(at, access));
          if (answer.result === "filled") {
            expect(generated.entry(at, access & 3)).toEqual(reference.entry(at, access & 3));
          }
        }
        const [a, b] = [generated, reference].map(({ memory }) => memory.bytes.subarray(0, ramBytes));
        expect(Buffer.compare(a ?? new Uint8Array(), b ?? new Uint8Array(1))).toBe(0);
      }),
      { numRuns: 1000 },
    );
  });
});
