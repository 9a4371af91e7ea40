import { CR0, SEGMENT } from "@xenolith/x86-architecture";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { OUTCOME } from "../../src/engine/system-operations.ts";
import { DESCRIPTOR_CACHE, STATE } from "../../src/state/layout.ts";
import { raiseException } from "../../src/system/exception-delivery.ts";
import { GP, PF, UD } from "../support/faults.ts";
import { createSystemBench, PLACE, type SystemBench } from "../support/system-bench.ts";

/** Operations that read descriptors, gates, stacks and pointers that a guest may fill with anything. */
const INSTRUCTIONS = [
  "8ed8",
  "8ed0",
  "8ee0",
  "1f",
  "17",
  "0fa1",
  "c503",
  "0fb203",
  "cb",
  "ca0800",
  "66cb",
  "cf",
  "66cf",
  "ff2b",
  "ff1b",
  "66ff2b",
  "66ff1b",
  "cd80",
  "cc",
  "ce",
  "f1",
  "0f02c3",
  "0f03c3",
  "0f00e3",
  "0f00eb",
  "0f00d3",
  "0f00db",
  "63d8",
  "9d",
  "9c",
  "ee",
  "6e",
  "6c",
  "f36c",
  "f36e",
  "0f34",
  "0f35",
  "0f30",
  "0f32",
  "0f22c3",
  "0f22e3",
  "0f22db",
  "0f20c3",
  "0f0113",
  "0f0103",
  "0f23fb",
];

interface Scene {
  readonly seed: number;
  readonly ring: 0 | 1 | 2 | 3;
  readonly instruction: string;
  readonly monitored: boolean;
  readonly missing: readonly number[];
  readonly registers: readonly number[];
}

/** Selectors and addresses that lead somewhere, and numbers that do not. */
const value = fc.oneof(
  fc.nat(0x7f),
  fc.constantFrom(PLACE.data, PLACE.stack, PLACE.gdt, PLACE.tss, 0xffff_ffff, 0x8000_0000, 0x3_fffe),
  fc.nat(0xffff_ffff),
);

const scene: fc.Arbitrary<Scene> = fc.record({
  seed: fc.nat(0xffff_ffff),
  ring: fc.constantFrom(0 as const, 1 as const, 2 as const, 3 as const),
  instruction: fc.constantFrom(...INSTRUCTIONS),
  monitored: fc.boolean(),
  missing: fc.array(fc.constantFrom(2, 4, 6, 7, 8, 9, 10), { maxLength: 2 }),
  registers: fc.array(value, { minLength: 8, maxLength: 8 }),
});

/** Fills tables, task state and stacks with descriptors and words that are wrong in every way a seed can think of. */
const build = ({ seed, ring, monitored, missing, registers }: Scene): SystemBench => {
  const bench = createSystemBench({ monitored });
  bench.enter(ring);
  let state = seed | 1;
  const random = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
  for (let index = 1; index < 16; index++) {
    if (random() % 3 === 0) continue;
    const at = PLACE.gdt + 8 * index;
    bench.view.setUint32(at, random() % 2 === 0 ? 0xffff : random(), true);
    bench.view.setUint32(at + 4, random() % 2 === 0 ? (random() & 0xff00) | 0x00cf_0000 : random(), true);
  }
  for (const vector of [0, 1, 3, 4, 6, 8, 10, 11, 12, 13, 14, 0x80]) {
    const type = [14, 15, 6, 7, 5, 12][random() % 6] ?? 14;
    if (random() % 4 !== 0)
      bench.gate({ vector }, type, random() % 4, [8 * (random() % 16), random() % 0x2_0000]);
  }
  for (let word = 0; word < 16; word++) {
    const small = random() % 3 === 0 ? random() : random() % 0x90;
    bench.view.setUint32(PLACE.stack + 4 * word, small, true);
    bench.view.setUint32(PLACE.data + 4 * word, random() % 0x90, true);
  }
  if (random() % 2 === 0) bench.view.setUint32(PLACE.tss + 8 + 8 * (random() % 3), random() % 0x90, true);
  for (const [index, register] of registers.entries()) {
    const isStack = index === 4 && random() % 2 === 0;
    bench.state.setRegister(index, isStack ? PLACE.stack : register);
  }
  bench.state.flags = random() & 0x25_7fd5;
  for (const page of missing) bench.missing.add(page);
  return bench;
};

/** Whether a task has been switched: the fault is then the new task's. A bench begins without CR0.TS. */
const hasSwitchedTask = ({ state }: SystemBench): boolean => (state.control(0) & CR0.ts) !== 0;

const KEPT_DESCRIPTORS_END = STATE.descriptorCache + DESCRIPTOR_CACHE.entries * DESCRIPTOR_CACHE.entryBytes;

/** The state block but for the address of the last page fault, and the descriptors kept of those that were read. */
const registersOf = (bench: SystemBench): Uint8Array => {
  const bytes = bench.snapshot();
  bytes.fill(0, STATE.faultAddress, STATE.faultAddress + 8);
  bytes.fill(0, STATE.descriptorCache, KEPT_DESCRIPTORS_END);
  return bytes;
};

describe("a system operation", () => {
  it("that faults or is left to the monitor has changed no register", () => {
    fc.assert(
      fc.property(scene, (given) => {
        const bench = build(given);
        const before = registersOf(bench);
        const outcome = bench.run(given.instruction);
        fc.pre(!hasSwitchedTask(bench));
        if (outcome >= 0x4000_0000 || outcome === OUTCOME.privileged) {
          expect(Buffer.compare(registersOf(bench), before)).toBe(0);
        }
      }),
      { numRuns: 3000 },
    );
  });

  it("never raises the privilege under a monitor to 0", () => {
    fc.assert(
      fc.property(scene, (given) => {
        fc.pre(given.ring > 0);
        const bench = build({ ...given, monitored: true });
        fc.pre(!["cd80", "cc", "ce", "f1"].includes(given.instruction));
        bench.run(given.instruction);
        expect(bench.state.privilege).toBeGreaterThan(0);
        expect(bench.state.selector(SEGMENT.cs) & 3).toBe(bench.state.privilege);
      }),
      { numRuns: 1500 },
    );
  });
});

describe("the delivery of an exception", () => {
  it("ends, in a handler or in shutdown, whatever tables and stacks hold", () => {
    fc.assert(
      fc.property(scene, fc.constantFrom(GP(0), PF(4), UD), (given, fault) => {
        const bench = build({ ...given, monitored: false });
        expect([OUTCOME.jumped, OUTCOME.shutdown]).toContain(raiseException(bench.core, fault));
      }),
      { numRuns: 1500 },
    );
  });
});
