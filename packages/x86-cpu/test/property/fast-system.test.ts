import { ACCESS, EXIT, toMfn } from "@xenolith/machine-interface";
import { createFakeMemory, createIdentityTranslator } from "@xenolith/machine-interface/testing";
import { CR0, FLAG, REGISTER, SEGMENT } from "@xenolith/x86-architecture";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type BareProcessorOptions, createBareProcessor } from "../../src/processor/bare.ts";
import { MSR_SLOT, STATE } from "../../src/state/layout.ts";
import type { VcpuState } from "../../src/state/vcpu-state.ts";

const RAM_FRAMES = 48;
const PLACE = { code: 0x1000, gdt: 0x4000, idt: 0x6000, tss: 0x7000, stack: 0x9000, inner: 0xa000 } as const;
/** A page that cannot be read or written. */
const MISSING = 0x2_0000;

/** Descriptors by their high words; low word 0xffff unless said otherwise. The DPL is put in. */
const KINDS: readonly (readonly [number, number])[] = [
  [0xffff, 0x00cf_9b00],
  [0xffff, 0x00cf_9b00],
  [0xffff, 0x00cf_9b00],
  [0xffff, 0x00cf_9300],
  [0xffff, 0x00cf_9300],
  [0xffff, 0x00cf_9300],
  [0xffff, 0x00cf_9a00],
  [0xffff, 0x00cf_9200],
  [0xffff, 0x00cf_9900],
  [0xffff, 0x00cf_9f00],
  [0xffff, 0x00cf_9100],
  [0xffff, 0x00cf_9700],
  [0xffff, 0x00cf_1b00],
  [0xffff, 0x00cf_1300],
  [0xffff, 0x00cd_9b00],
  [0xffff, 0x008f_9300],
  [0xffff, 0x0040_9300],
  [0x1000_ffff, 0x00cf_9312],
  [0x0010_ffff, 0x00cf_9b00],
  [0xffff, 0x00ef_9b00],
  [0, 0],
  [0x7000_0067, 0x0000_8900],
];

const descriptor = fc.tuple(fc.nat(KINDS.length - 1), fc.nat(3)).map(([kind, privilege]) => {
  const [low, high] = KINDS[kind] ?? [0, 0];
  return [low, (high | (privilege << 13)) >>> 0] as const;
});

/** Descriptors 1 to 8 are flat code and data of every ring, the others anything. */
const FLAT = [0, 1, 2, 3].flatMap((ring) => [
  [0xffff, (0x00cf_9b00 | (ring << 13)) >>> 0] as const,
  [0xffff, (0x00cf_9300 | (ring << 13)) >>> 0] as const,
]);
const codeOf = (ring: number): number => 8 + 16 * ring + ring;
const dataOf = (ring: number): number => 16 + 16 * ring + ring;

const selector = fc.oneof(
  { weight: 6, arbitrary: fc.nat(3).map(codeOf) },
  { weight: 6, arbitrary: fc.nat(3).map(dataOf) },
  { weight: 3, arbitrary: fc.tuple(fc.nat(18), fc.nat(7)).map(([index, low]) => index * 8 + low) },
  { weight: 1, arbitrary: fc.nat(3) },
);

const flagImage = fc
  .tuple(fc.nat(0xffff_ffff), fc.boolean())
  .map(([bits, isWild]) => (isWild ? bits : bits & ~(FLAG.tf | FLAG.nt | FLAG.vm | FLAG.ac)));

const gate = fc.record({
  type: fc.constantFrom(0x8e, 0x8e, 0x8e, 0x8f, 0x8f, 0x86, 0x87, 0x0e, 0x85, 0x8c),
  privilege: fc.oneof(fc.constant(3), fc.nat(3)),
  selector,
});

/** Instructions by what they are given in AX and on the stack. */
const PROGRAMS: readonly string[] = [
  "cd30",
  "cd31",
  "cd32",
  "cc",
  "cf",
  "cf",
  "cf",
  "cf",
  "66cf",
  "8ed8",
  "8ec0",
  "8ee0",
  "8ee8",
  "8ed0",
  "8e1d00900000",
  "8ccf",
  "668cd8",
  "8c1d00200000",
  "1f",
  "07",
  "0fa1",
  "0fa9",
  "17",
  "661f",
  "1e",
  "06",
  "0e",
  "16",
  "0fa0",
  "661e",
  "9c",
  "9d",
  "9d",
  "669d",
  "fa",
  "fb",
  "0f34",
  "0f35",
  "0f013d00300000",
  "e680",
  "ee",
  "66ef",
  "ef",
  "e580",
  "ec",
  "66ed",
  "e4f0",
  "0f31",
  "0fa2",
  "0f20c0",
  "0f20d1",
  "0f20d8",
  "0f20e3",
  "0f0b",
  "a100000200",
  "a300000200",
  "f7f1",
  "8b0424",
  "ff3500000200",
];

const scene = fc.record({
  program: fc.constantFrom(...PROGRAMS),
  descriptors: fc.array(descriptor, { minLength: 9, maxLength: 9 }),
  gates: fc.array(gate, { minLength: 40, maxLength: 40 }),
  ring: fc.nat(3),
  segments: fc.array(selector, { minLength: 4, maxLength: 4 }),
  innerStacks: fc.array(
    fc.tuple(fc.constantFrom(PLACE.inner, PLACE.inner + 0xff8, 4, MISSING + 0x10), selector),
    {
      minLength: 3,
      maxLength: 3,
    },
  ),
  flags: flagImage,
  lazy: fc.tuple(fc.nat(5), fc.integer(), fc.integer(), fc.integer()),
  stackPointer: fc.constantFrom(0x9100, 0x9100, 0x9100, 0x9ffa, 0x9ff8, 4, MISSING + 8),
  stack: fc.tuple(selector, flagImage, fc.constantFrom(0x9200, 0x1000), selector, selector),
  eax: selector,
  tss: fc.constantFrom(0x67, 0x67, 0x67, 0x8),
  sysenter: fc.constantFrom(8, 8, 0, 0xfff8),
  interrupt: fc.boolean(),
});
type Scene = typeof scene extends fc.Arbitrary<infer Value> ? Value : never;

/** Nothing out of the ordinary: ring 0, interrupt gates, flat segments. */
const PLAIN: Scene = {
  program: "90",
  descriptors: [],
  gates: Array.from({ length: 40 }, () => ({ type: 0x8e, privilege: 3, selector: codeOf(0) })),
  ring: 0,
  segments: [dataOf(0), dataOf(0), dataOf(0), dataOf(0)],
  innerStacks: [],
  flags: 2,
  lazy: [0, 0, 0, 0],
  stackPointer: 0x9100,
  stack: [0, 0, 0x9200, 0, 0],
  eax: 0,
  tss: 0x67,
  sysenter: 8,
  interrupt: false,
};

interface Machine {
  readonly state: VcpuState;
  readonly bytes: Uint8Array;
  set(given: Scene): void;
  run(budget: number): unknown;
  request(isRequested: boolean): void;
  /** What was written to ports. */
  readonly writes: unknown[];
}

/** How the machine under test does it. */
type Way = Pick<BareProcessorOptions, "reference" | "engine" | "translateAfter">;

const createMachine = (way: Way): Machine => {
  const memory = createFakeMemory({ frameCount: RAM_FRAMES, reserveBytes: 32 << 20 });
  const translator = createIdentityTranslator(memory);
  const line = { isRequested: false, acknowledge: () => 0x22 };
  const writes: unknown[] = [];
  const processor = createBareProcessor({
    memory,
    translator,
    ...way,
    interrupts: line,
    recordBytes: 1 << 20,
    ports: {
      // A port may ask for an interrupt, or for the end of the run.
      read: (port, sizeBytes) => {
        line.isRequested ||= port === 0xf0;
        return port * sizeBytes + 0x8000_0000;
      },
      write: (port, sizeBytes, value) => {
        writes.push([port, sizeBytes, value]);
        line.isRequested ||= port === 0x80;
        if (sizeBytes === 2) processor.requestExit();
      },
    },
  });
  const state = processor.context as VcpuState;
  const { view, bytes } = memory;
  for (const kind of [ACCESS.read, ACCESS.write]) translator.deny(MISSING >>> 12, kind);

  const setTables = (given: Scene): void => {
    [[0, 0] as const, ...FLAT, ...given.descriptors].forEach(([low, high], index) => {
      view.setUint32(PLACE.gdt + 8 * index, low, true);
      view.setUint32(PLACE.gdt + 8 * index + 4, high, true);
    });
    given.gates.forEach(({ type, privilege, selector: target }, vector) => {
      view.setUint32(PLACE.idt + 8 * vector, (target << 16) | 0x1800, true);
      view.setUint32(PLACE.idt + 8 * vector + 4, (type << 8) | (privilege << 13), true);
    });
    given.innerStacks.forEach(([pointer, stackSelector], ring) => {
      view.setUint32(PLACE.tss + 4 + 8 * ring, pointer, true);
      view.setUint32(PLACE.tss + 8 + 8 * ring, stackSelector, true);
    });
    given.stack.forEach((word, index) => {
      const at = given.stackPointer + 4 * index;
      if (at < 0x1_0000) view.setUint32(at, word, true);
    });
  };

  const flatAttributes = (code: boolean, ring: number): number => (code ? 0xc09b : 0xc093) | (ring << 5);

  return {
    state,
    writes,
    bytes: bytes.subarray(0, RAM_FRAMES * 4096),
    request: (isRequested) => {
      line.isRequested = isRequested;
    },
    run: (budget) => ({ ...processor.run(budget) }),
    set(given) {
      processor.reset();
      writes.length = 0;
      bytes.fill(0, 0, RAM_FRAMES * 4096);
      bytes.fill(0x90, PLACE.code, PLACE.code + 0x1000);
      bytes.set(Buffer.from(given.program, "hex"), PLACE.code);
      memory.written(toMfn(1), 0, 4096);
      setTables(given);
      line.isRequested = false;
      state.setControl(0, CR0.pe | CR0.et);
      const flat = { base: 0, limit: 0xffff_ffff };
      const { ring } = given;
      state.flags = FLAG.fixed;
      state.setSegment(SEGMENT.cs, { ...flat, selector: codeOf(0), attributes: flatAttributes(true, 0) });
      state.gdtr = { base: PLACE.gdt, limit: 18 * 8 - 1 };
      state.idtr = { base: PLACE.idt, limit: 40 * 8 - 1 };
      state.setSegment(SEGMENT.tr, { selector: 0x98, base: PLACE.tss, limit: given.tss, attributes: 0x8b });
      state.setSegment(SEGMENT.ldtr, { selector: 0, base: 0, limit: 0, attributes: 0 });
      state.setSegment(SEGMENT.cs, {
        ...flat,
        selector: codeOf(ring),
        attributes: flatAttributes(true, ring),
      });
      state.setSegment(SEGMENT.ss, {
        ...flat,
        selector: dataOf(ring),
        attributes: flatAttributes(false, ring),
      });
      const data = [SEGMENT.es, SEGMENT.ds, SEGMENT.fs, SEGMENT.gs];
      data.forEach((index, position) => {
        state.setSegment(index, { selector: 0, base: 0, limit: 0, attributes: 0 });
        state.loadSegment(index, given.segments[position] ?? 0);
      });
      state.flags = given.flags & ~FLAG.vm;
      const [kind, a, b, result] = given.lazy;
      state.setU32(STATE.flagsKind, kind);
      state.setAddress(STATE.flagsA, a);
      state.setAddress(STATE.flagsB, kind === 0 ? 0 : b);
      state.setAddress(STATE.flagsResult, result);
      state.setRegister(REGISTER.rax, given.eax);
      state.setRegister(REGISTER.rcx, 0);
      state.setRegister(REGISTER.rdx, 0x1010);
      state.setRegister(REGISTER.rsp, given.stackPointer);
      state.setMsr(MSR_SLOT.sysenterCs, BigInt(given.sysenter));
      state.setMsr(MSR_SLOT.sysenterEsp, 0xa800n);
      state.setMsr(MSR_SLOT.sysenterEip, 0x1020n);
      state.instructionPointer = PLACE.code;
    },
  };
};

const registersOf = ({ state, writes }: Machine): unknown => ({
  registers: [0, 1, 2, 3, 4, 5, 6, 7].map((index) => state.wideRegister(index)),
  instructionPointer: state.instructionPointer,
  flags: state.flags,
  segments: [0, 1, 2, 3, 4, 5, 6, 7].map((index) => [
    state.segment(index),
    ...[24, 28, 32, 36, 40].map((field) => state.segmentField(index, field)),
  ]),
  privilege: state.privilege,
  stackMask: state.u32(STATE.stackMask),
  codeBase: state.address(STATE.codeBase),
  control2: state.control(2),
  spaceTag: state.u32(STATE.spaceTag),
  writes,
});

describe.each<[string, Way]>([
  ["interpreted", { engine: "interpreter" }],
  ["translated", { translateAfter: 0 }],
])("system instructions in generated code that is %s", (_name, way) => {
  const fast = createMachine(way);
  const reference = createMachine({ reference: true, engine: "interpreter" });

  const compare = (): void => {
    expect(registersOf(fast)).toEqual(registersOf(reference));
    expect(Buffer.compare(fast.bytes, reference.bytes)).toBe(0);
  };

  it("do what TypeScript does, with whatever descriptors, stacks and flags", { timeout: 120_000 }, () => {
    fc.assert(
      fc.property(scene, (given) => {
        for (const machine of [fast, reference]) machine.set(given);
        expect(fast.run(1)).toEqual(reference.run(1));
        compare();
        // An interrupt that comes now is held off exactly where it was before.
        for (const machine of [fast, reference]) if (given.interrupt) machine.request(true);
        for (const budget of [1, 3]) {
          expect(fast.run(budget)).toEqual(reference.run(budget));
          compare();
        }
      }),
      { numRuns: 300 },
    );
  });

  /** Flat ring 0, its page faults going to a handler at 0x1800. */
  const faulting = (code: string, handler: string): void => {
    for (const machine of [fast, reference]) {
      machine.set({ ...PLAIN, program: code, stackPointer: MISSING - 0x100 });
      machine.bytes.set(Buffer.from(handler, "hex"), 0x1800);
    }
  };

  it("deliver page faults as TypeScript does, in whatever slices", () => {
    // l: mov eax, [MISSING] ; loop l ; hlt, and a handler that skips: add esp, 4 ; add dword [esp], 5 ; iret
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 20 }), (budgets) => {
        faulting("b928000000a100000200e2f9f4", "83c40483042405cf");
        for (const budget of [...budgets, 400]) {
          expect(fast.run(budget)).toEqual(reference.run(budget));
          compare();
        }
        expect(fast.state.register(REGISTER.rcx)).toBe(0);
      }),
      { numRuns: 20 },
    );
  });

  it("come back from a handler that faults for ever", () => {
    faulting("a100000200", "a100000200");
    const exit = fast.run(1000);
    expect(exit).toEqual(reference.run(1000));
    expect(exit).toMatchObject({ kind: EXIT.request, retired: 0 });
    compare();
  });
});
