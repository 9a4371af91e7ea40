import { ACCESS, toLinearAddress, toMachineAddress, toMfn } from "@xenolith/machine-interface";
import { createFakeMemory, createIdentityTranslator } from "@xenolith/machine-interface/testing";
import {
  type DescriptorSource,
  FLAG,
  REGISTER,
  SEGMENT,
  type SegmentIndex,
} from "@xenolith/x86-architecture";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createMonitoredProcessor, type MonitoredProcessorOptions } from "../../src/processor/monitored.ts";
import { SEGMENT_FIELD, STATE } from "../../src/state/layout.ts";
import type { VcpuState } from "../../src/state/vcpu-state.ts";

const RAM_FRAMES = 48;
const PLACE = { code: 0x1000, stack: 0x9000, inner: 0xa000, target: 0x1800 } as const;
/** A page that cannot be read or written. */
const MISSING = 0x2_0000;

/** Descriptors by their high words without DPL, and their low words. */
const KINDS: readonly (readonly [low: number, high: number])[] = [
  [0xffff, 0x00cf_9b00],
  [0xffff, 0x00cf_9300],
  [0xffff, 0x00cf_9a00],
  [0xffff, 0x00cf_9200],
  [0xffff, 0x00cf_9f00],
  [0xffff, 0x00cf_1b00],
  [0xffff, 0x00cf_1300],
  [0xffff, 0x0040_9b00],
  [0xffff, 0x0040_9300],
  [0x1000_ffff, 0x00cf_9312],
  [0, 0],
];
const FLAT_LOW = 0xffff;
const codeOf = (ring: number): number => 16 * ring + ring;
const dataOf = (ring: number): number => 8 + 16 * ring + ring;
/** Flat code and data of rings 1 to 3 at numbers 2 to 7. */
const FLAT = [1, 2, 3].flatMap((ring) => [
  [FLAT_LOW, (0x00cf_9b00 | (ring << 13)) >>> 0] as const,
  [FLAT_LOW, (0x00cf_9300 | (ring << 13)) >>> 0] as const,
]);

const descriptor = fc.tuple(fc.nat(KINDS.length - 1), fc.nat(3)).map(([kind, privilege]) => {
  const [low, high] = KINDS[kind] ?? [0, 0];
  return [low, (high | (privilege << 13)) >>> 0] as const;
});
const ring = fc.integer({ min: 1, max: 3 });
const selector = fc.oneof(
  { weight: 5, arbitrary: ring.map(codeOf) },
  { weight: 5, arbitrary: ring.map(dataOf) },
  { weight: 2, arbitrary: fc.tuple(fc.nat(17), fc.nat(7)).map(([index, low]) => index * 8 + low) },
);
const flags = fc
  .tuple(fc.nat(0x3f_ffff), fc.nat(3))
  .map(([bits, wild]) => (wild === 0 ? bits : bits & ~(FLAG.tf | FLAG.nt | FLAG.vm | FLAG.ac)));

const scene = fc.record({
  program: fc.constantFrom("cd80", "cd80", "cd80", "cf", "cf", "cf", "66cf", "cd81", "cc", "cdcc"),
  descriptors: fc.array(descriptor, { minLength: 8, maxLength: 8 }),
  ring: fc.oneof(fc.constant(3), ring),
  segments: fc.array(selector, { minLength: 4, maxLength: 4 }),
  gate: fc.record({
    codeSelector: fc.oneof({ weight: 3, arbitrary: fc.constant(codeOf(1)) }, selector),
    stackSelector: fc.oneof({ weight: 3, arbitrary: fc.constant(dataOf(1)) }, selector),
    stackPointer: fc.constantFrom(PLACE.inner, PLACE.inner, PLACE.inner + 8, 12, MISSING + 0x40, 0xffff_f000),
  }),
  // Beside all, and where a frame may come to lie.
  events: fc.constantFrom(0xb000, 0xb000, 0xb000, PLACE.inner - 16, PLACE.inner - 4),
  isWaiting: fc.nat(7).map((draw) => draw === 0),
  flags,
  stackPointer: fc.constantFrom(PLACE.stack, PLACE.stack, PLACE.stack, PLACE.stack + 0xff8, MISSING - 8),
  frame: fc.tuple(fc.constant(PLACE.target), selector, flags, fc.constantFrom(0x9200, 0), selector),
});
type Scene = typeof scene extends fc.Arbitrary<infer Value> ? Value : never;

type Way = Pick<MonitoredProcessorOptions, "reference" | "engine" | "translateAfter">;

const DATA: readonly SegmentIndex[] = [SEGMENT.es, SEGMENT.ds, SEGMENT.fs, SEGMENT.gs];
const flat = (number: number, attributes: number) => ({
  selector: number,
  base: 0,
  limit: 0xffff_ffff,
  attributes: attributes | ((number & 3) << 5),
});

const createMachine = (way: Way) => {
  const memory = createFakeMemory({ frameCount: RAM_FRAMES, reserveBytes: 32 << 20 });
  const translator = createIdentityTranslator(memory);
  let table: (readonly [number, number])[] = [];
  const accessed: number[] = [];
  const descriptors: DescriptorSource = {
    low: 0,
    high: 0,
    read(wanted) {
      const found = table[(wanted & 0xffff) >>> 3];
      if (found === undefined || (wanted & 4) !== 0) return false;
      [this.low, this.high] = found;
      return true;
    },
    setAccessed(wanted) {
      accessed.push(wanted);
      const [low, high] = table[wanted >>> 3] ?? [0, 0];
      table[wanted >>> 3] = [low, (high | 0x100) >>> 0];
    },
  };
  const processor = createMonitoredProcessor({ memory, translator, recordBytes: 1 << 20, ...way });
  const vcpu = processor.createVcpu({ descriptors, timestamp: (retired) => retired });
  vcpu.space = translator.space;
  const state = vcpu.context as VcpuState;
  for (const kind of [ACCESS.read, ACCESS.write]) translator.deny(MISSING >>> 12, kind);

  return {
    /** Puts everything as a scene has it, but for what the processor keeps of descriptors. */
    set(given: Scene): void {
      memory.bytes.fill(0, 0, RAM_FRAMES * 4096);
      memory.bytes.fill(0x90, PLACE.code, PLACE.code + 0x1000);
      memory.bytes.set(Buffer.from(given.program, "hex"), PLACE.code);
      memory.written(toMfn(PLACE.code >>> 12), 0, 4096);
      given.frame.forEach((word, index) => {
        memory.view.setUint32(given.stackPointer + 4 * index, word, true);
      });
      table = [[0, 0], [0, 0], ...FLAT, ...given.descriptors];
      accessed.length = 0;
      const { codeSelector, stackSelector, stackPointer } = given.gate;
      vcpu.gates.kernelStack = toLinearAddress(stackPointer);
      vcpu.gates.kernelStackSelector = stackSelector;
      vcpu.gates.eventPending = toMachineAddress(given.events);
      vcpu.gates.eventMask = toMachineAddress(given.events + 1);
      memory.bytes[given.events] = given.isWaiting ? 1 : 0;
      for (const vector of [0x80, 0xcc])
        vcpu.setDirectGate(vector, {
          vector,
          fromPrivilege: 3,
          frame: "hardware",
          target: PLACE.target,
          codeSelector,
        });
      state.flags = FLAG.fixed;
      state.setSegment(SEGMENT.cs, flat(codeOf(given.ring), 0xc09b));
      state.setSegment(SEGMENT.ss, flat(dataOf(given.ring), 0xc093));
      DATA.forEach((index, position) => {
        state.setSegment(index, { selector: 0, base: 0, limit: 0, attributes: 0 });
        state.loadSegment(index, given.segments[position] ?? 0);
      });
      state.flags = given.flags & ~FLAG.vm;
      for (let index = 0; index < 8; index++) state.setRegister(index, 0x1111 * index);
      state.setRegister(REGISTER.rsp, given.stackPointer);
      state.instructionPointer = PLACE.code;
    },
    forgetDescriptors: () => vcpu.forgetDescriptors(),
    run: (budget: number) => ({
      exit: { ...vcpu.run(budget) },
      accessed: [...accessed],
      registers: [0, 1, 2, 3, 4, 5, 6, 7].map((index) => state.register(index)),
      instructionPointer: state.instructionPointer,
      flags: state.flags,
      privilege: state.privilege,
      spaceTag: state.u32(STATE.spaceTag),
      segments: [SEGMENT.cs, SEGMENT.ss, ...DATA].map((index) => [
        state.segment(index),
        ...[
          SEGMENT_FIELD.readFirst,
          SEGMENT_FIELD.readLast,
          SEGMENT_FIELD.writeFirst,
          SEGMENT_FIELD.writeLast,
          SEGMENT_FIELD.flatLast,
        ].map((field) => state.segmentField(index, field)),
      ]),
      ram: Buffer.from(memory.bytes.slice(0, RAM_FRAMES * 4096)).toString("latin1"),
    }),
  };
};

describe.each<[string, Way]>([
  ["interpreted", { engine: "interpreter" }],
  ["translated", { translateAfter: 0 }],
])("direct gates and IRET in generated code that is %s", (_name, way) => {
  const fast = createMachine(way);
  const reference = createMachine({ reference: true, engine: "interpreter" });

  it("do what TypeScript does, whether or not they have seen the descriptors", { timeout: 120_000 }, () => {
    fc.assert(
      fc.property(scene, fc.constantFrom(1, 4), (given, budget) => {
        fast.forgetDescriptors();
        for (let turn = 0; turn < 2; turn++) {
          for (const machine of [fast, reference]) machine.set(given);
          expect(fast.run(budget)).toEqual(reference.run(budget));
        }
      }),
      { numRuns: 300 },
    );
  });

  it("see descriptors anew once they are to be forgotten", () => {
    const [given] = fc.sample(scene, { numRuns: 1, seed: 1 });
    if (given === undefined) throw new Error("no scene");
    const others = given.descriptors.slice(1);
    const call = (high: number): Scene => ({
      ...given,
      program: "cd80",
      isWaiting: false,
      events: 0xb000,
      ring: 3,
      flags: FLAG.fixed,
      descriptors: [[FLAT_LOW, high], ...others],
      gate: { codeSelector: 8 * 8 + 1, stackSelector: dataOf(1), stackPointer: PLACE.inner },
    });
    for (let turn = 0; turn < 2; turn++) {
      fast.set(call(0x00cf_bb00));
      expect(fast.run(1).privilege).toBe(1);
    }
    fast.set(call(0));
    fast.forgetDescriptors();
    expect(fast.run(1)).toMatchObject({ privilege: 3, exit: { vector: 0x80, software: true } });
  });
});
