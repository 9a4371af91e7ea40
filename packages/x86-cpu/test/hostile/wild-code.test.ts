import { EXIT } from "@xenolith/machine-interface";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createWildMachine, WILD_FLAGS, type WildProgram } from "../support/wild-code.ts";

const pointer = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: 0x1000, max: 0x3_f000 }) },
  { weight: 1, arbitrary: fc.nat({ max: 0xffff_ffff }) },
);
const codeByte = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: 0, max: 255 }) },
  { weight: 1, arbitrary: fc.constantFrom(0x66, 0x67, 0x0f, 0xf3, 0x64, 0x8b, 0x89, 0xa4) },
);

const program: fc.Arbitrary<WildProgram> = fc.record({
  code: fc.array(codeByte, { minLength: 300, maxLength: 400 }).map((bytes) => Uint8Array.from(bytes)),
  at: fc.nat({ max: 0x1fff }),
  registers: fc.array(pointer, { minLength: 8, maxLength: 8 }),
  flags: fc.nat({ max: 0xfff }).map((bits) => (bits & 0xcd5) | WILD_FLAGS),
  privilege: fc.constantFrom<1 | 3>(1, 3),
  isShort: fc.boolean(),
  dataBase: fc.constantFrom(0, 0, 0x800),
  dataLimit: fc.constantFrom(0xffff_ffff, 0xffff_ffff, 0x3_ffff),
});

const INSTRUCTIONS = 150;

describe("wild code", () => {
  const whole = createWildMachine();
  const stepped = createWildMachine();

  it("never throws, and is the same however its run is cut into slices", () => {
    fc.assert(
      fc.property(program, fc.integer({ min: 1, max: 40 }), (wild, slice) => {
        whole.start(wild);
        stepped.start(wild);
        for (let retired = 0; retired < INSTRUCTIONS; ) {
          const exit = { ...whole.vcpu.run(slice) };
          expect(exit.retired).toBeLessThanOrEqual(slice);
          if (exit.kind === EXIT.budget) expect(exit.retired).toBe(slice);
          let last = { ...exit, kind: EXIT.budget as typeof exit.kind, retired: 0 };
          let steps = 0;
          while (steps < slice) {
            last = { ...stepped.vcpu.run(1) };
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
        expect(
          Buffer.compare(whole.memory.bytes.subarray(0, ram), stepped.memory.bytes.subarray(0, ram)),
        ).toBe(0);
      }),
      { numRuns: 400 },
    );
  });
});
