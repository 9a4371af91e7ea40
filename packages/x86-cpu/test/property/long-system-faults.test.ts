import { REGISTER } from "@xenolith/x86-architecture";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { OUTCOME } from "../../src/engine/system-operations.ts";
import { MSR_SLOT, STATE } from "../../src/state/layout.ts";
import { raiseException } from "../../src/system/exception-delivery.ts";
import { GP, PF, UD } from "../support/faults.ts";
import { createLongBench, HIGH, type LongBench } from "../support/long-bench.ts";
import { PLACE } from "../support/system-bench.ts";

/** Operations of 64-bit code that read descriptors, gates, stacks and pointers that a guest may fill with anything. */
const INSTRUCTIONS = [
  "8ed8",
  "8ed0",
  "8ee0",
  "8ee8",
  "0fa1",
  "0fa9",
  "480fb203",
  "480fb503",
  "cb",
  "48cb",
  "48ca0800",
  "cf",
  "48cf",
  "66cf",
  "ff2b",
  "48ff2b",
  "48ff1b",
  "ff1b",
  "66ff1b",
  "cd80",
  "cc",
  "f1",
  "0f02c3",
  "480f03c3",
  "0f00e3",
  "0f00eb",
  "0f00d3",
  "0f00db",
  "9d",
  "9c",
  "669d",
  "ee",
  "6e",
  "f36c",
  "67f36e",
  "0f34",
  "0f35",
  "480f35",
  "0f05",
  "0f07",
  "480f07",
  "0f01f8",
  "0f01f9",
  "0f30",
  "0f32",
  "0f22c3",
  "0f22e3",
  "0f22db",
  "440f22c3",
  "0f20c3",
  "0f0113",
  "0f011b",
  "0f0103",
  "0f23fb",
  "0f23c3",
];

interface Scene {
  readonly seed: number;
  readonly ring: 0 | 3;
  readonly isCompatible: boolean;
  readonly instruction: string;
  readonly missing: readonly number[];
  readonly registers: readonly bigint[];
}

/** Selectors and addresses that lead somewhere, those that are not canonical, numbers of registers, and anything. */
const value = fc.oneof(
  fc.bigInt(0n, 0xbfn),
  fc.constantFrom(
    ...[PLACE.data, PLACE.stack, PLACE.gdt, PLACE.tss, HIGH + PLACE.stack, -(2 ** 47), 2 ** 47, -1].map(
      (at) => BigInt.asUintN(64, BigInt(at)),
    ),
  ),
  fc.constantFrom(0xc000_0080n, 0xc000_0081n, 0xc000_0082n, 0xc000_0100n, 0xc000_0102n, 0x277n, 0x176n),
  fc.bigInt(0n, 2n ** 64n - 1n),
);

const scene: fc.Arbitrary<Scene> = fc.record({
  seed: fc.nat(0xffff_ffff),
  ring: fc.constantFrom(0 as const, 3 as const),
  isCompatible: fc.boolean(),
  instruction: fc.constantFrom(...INSTRUCTIONS),
  missing: fc.array(fc.nat(16), { maxLength: 2 }),
  registers: fc.array(value, { minLength: 16, maxLength: 16 }),
});

const build = ({ seed, ring, isCompatible, missing, registers }: Scene): LongBench => {
  const bench = createLongBench();
  if (isCompatible) bench.enter(ring);
  else bench.enter64(ring);
  let state = seed || 1;
  const random = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
  for (let index = 16; index < 28; index++) {
    const at = PLACE.gdt + 8 * index;
    bench.view.setUint32(at, random() % 2 === 0 ? 0xffff : random(), true);
    const size = [0x00cf_0000, 0x00af_0000, 0x00ef_0000][random() % 3] ?? 0;
    bench.view.setUint32(at + 4, random() % 3 === 0 ? random() : (random() & 0xff00) | size, true);
  }
  for (const vector of [0, 1, 3, 6, 8, 10, 11, 12, 13, 14, 0x80]) {
    if (random() % 4 === 0) continue;
    const type = [14, 15, 14, 15, 6, 5, 12][random() % 7] ?? 14;
    const offset = [0x3000, HIGH + 0x3000, 2 ** 47, random()][random() % 4] ?? 0;
    bench.gate64(
      { vector },
      type,
      random() % 4,
      [8 * (random() % 28), offset],
      random() % 4 === 0 ? random() % 8 : 0,
    );
  }
  for (let word = 0; word < 12; word++) {
    const chosen = [random(), random() % 0xe0, random() % 0xe0][random() % 3] ?? 0;
    bench.view.setUint32(PLACE.stack + 8 * word, chosen, true);
    bench.view.setUint32(PLACE.stack + 8 * word + 4, random() % 4 === 0 ? random() : 0, true);
    bench.view.setUint32(PLACE.data + 4 * word, random() % 3 === 0 ? random() : random() % 0xe0, true);
  }
  for (let index = 0; index < 4; index++) {
    if (random() % 3 === 0) bench.view.setUint32(PLACE.tss + 4 + 8 * (random() % 12), random(), true);
  }
  registers.forEach((register, index) => {
    const isStack = index === REGISTER.rsp && random() % 2 === 0;
    bench.state.setWideRegister(index, isStack ? BigInt(PLACE.stack) : register);
  });
  bench.state.setMsr(MSR_SLOT.star, (BigInt(random()) << 32n) | BigInt(random()));
  bench.state.setMsr(MSR_SLOT.lstar, BigInt.asUintN(64, BigInt(HIGH + 0x7000)));
  bench.state.setMsr(MSR_SLOT.sysenterCs, BigInt(random() % 0x100));
  bench.state.flags = random() & 0x25_3fd5;
  for (const page of missing) bench.missing.add(page);
  return bench;
};

/** The state block but for the address of the last page fault and whether non-maskable interrupts are held back. */
const registersOf = (bench: LongBench): Uint8Array => {
  const bytes = bench.snapshot();
  bytes.fill(0, STATE.faultAddress, STATE.faultAddress + 8);
  bytes.fill(0, STATE.pending, STATE.pending + 4);
  return bytes;
};

/** What always holds in IA-32e mode: the privilege is that of CS, and 64-bit code is at a canonical address. */
const expectConsistent = ({ state }: LongBench): void => {
  expect(state.segment(1).selector & 3).toBe(state.privilege);
  expect(Math.abs(state.instructionPointer)).toBeLessThanOrEqual(2 ** 47);
};

/** Compatible code has no REX prefixes. */
const codeOf = ({ instruction, isCompatible }: Scene): string =>
  isCompatible ? instruction.replace(/^4[48]/, "") : instruction;

describe("a system operation in IA-32e mode", () => {
  it("that faults has changed no register, whatever tables and stacks hold", () => {
    fc.assert(
      fc.property(scene, (given) => {
        const bench = build(given);
        const before = registersOf(bench);
        const outcome = bench.run(codeOf(given));
        if (outcome >= 0x4000_0000) expect(Buffer.compare(registersOf(bench), before)).toBe(0);
        else expectConsistent(bench);
      }),
      { numRuns: 1500 },
    );
  });
});

describe("the delivery of an exception in IA-32e mode", () => {
  it("ends, in a handler on an aligned frame or in shutdown", () => {
    fc.assert(
      fc.property(scene, fc.constantFrom(GP(0), PF(4), UD), (given, fault) => {
        const bench = build(given);
        const outcome = raiseException(bench.core, fault);
        expect([OUTCOME.jumped, OUTCOME.shutdown]).toContain(outcome);
        if (outcome === OUTCOME.shutdown) return;
        expectConsistent(bench);
        expect(bench.state.isWideCode).toBe(true);
        expect(bench.state.wideRegister(REGISTER.rsp) % 8n).toBe(0n);
      }),
      { numRuns: 1000 },
    );
  });
});
