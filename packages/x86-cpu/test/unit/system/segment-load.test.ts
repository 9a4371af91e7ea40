import { ATTRIBUTE, SEGMENT } from "@xenolith/x86-architecture";
import { describe, expect, it } from "vitest";
import { OUTCOME } from "../../../src/engine/system-operations.ts";
import { GP, NP, PF, SS, UD } from "../../support/faults.ts";
import {
  atPrivilege,
  createSystemBench,
  KIND,
  PLACE,
  SELECTOR,
  type SystemBench,
} from "../../support/system-bench.ts";

const FREE = SELECTOR.free;
const ABSENT = ~ATTRIBUTE.present;

/** `mov ds, ax` and `mov ss, ax`. */
const MOV_DS = "8ed8";
const MOV_SS = "8ed0";

/** A bench in a ring, with a descriptor at the free selector and a selector in EAX. */
const setUp = (ring: 0 | 1 | 2 | 3, attributes: number, selector: number): SystemBench => {
  const bench = createSystemBench();
  bench.enter(ring);
  bench.describe(FREE, 0x1234, 0xfff, attributes);
  bench.state.setRegister(0, selector);
  return bench;
};

describe("a data segment register", () => {
  it("takes base, limit and attributes from the descriptor, which becomes accessed", () => {
    const bench = setUp(0, KIND.data & ~ATTRIBUTE.accessed, FREE);
    expect(bench.run(MOV_DS)).toBe(OUTCOME.next);
    const segment = bench.state.segment(SEGMENT.ds);
    expect(segment).toEqual({ selector: FREE, base: 0x1234, limit: 0xff_ffff, attributes: KIND.data });
    expect(bench.view.getUint8(PLACE.gdt + FREE + 5) & 1).toBe(1);
  });

  it("takes a null selector and becomes unusable", () => {
    const bench = setUp(3, 0, 3);
    expect(bench.run(MOV_DS)).toBe(OUTCOME.next);
    expect(bench.state.segment(SEGMENT.ds)).toMatchObject({ selector: 3, attributes: 0 });
  });

  it.each([
    ["data at the ring's privilege", 3, atPrivilege(KIND.data, 3), FREE | 3, OUTCOME.next],
    ["data of an outer privilege", 1, atPrivilege(KIND.data, 3), FREE | 3, OUTCOME.next],
    ["data of an inner privilege", 3, atPrivilege(KIND.data, 1), FREE, GP(FREE)],
    ["an RPL beyond the DPL", 0, atPrivilege(KIND.data, 1), FREE | 2, GP(FREE)],
    ["readable code", 0, KIND.code, FREE, OUTCOME.next],
    ["readable conforming code of an inner privilege", 3, KIND.conforming, FREE | 3, OUTCOME.next],
    ["readable code of an inner privilege", 3, KIND.code, FREE | 3, GP(FREE)],
    ["code that cannot be read", 0, KIND.executeOnly, FREE, GP(FREE)],
    ["read-only data", 0, KIND.readOnly, FREE, OUTCOME.next],
    ["a system descriptor", 0, KIND.ldt, FREE, GP(FREE)],
    ["a segment that is not present", 0, KIND.data & ABSENT, FREE, NP(FREE)],
    ["a privilege violation before presence", 3, KIND.data & ABSENT, FREE, GP(FREE)],
    ["a selector beyond the table", 0, KIND.data, 0x1000, GP(0x1000)],
    ["a selector of the local table, where there is none", 0, KIND.data, 4, GP(4)],
  ] as const)("given %s in ring %d", (_name, ring, attributes, selector, outcome) => {
    expect(setUp(ring, attributes, selector).run(MOV_DS)).toBe(outcome);
  });
});

describe("the stack segment register", () => {
  it.each([
    ["writable data of the ring", 3, atPrivilege(KIND.data, 3), FREE | 3, OUTCOME.shadow],
    ["a null selector", 3, KIND.data, 3, GP(0)],
    ["another RPL", 3, atPrivilege(KIND.data, 3), FREE | 2, GP(FREE)],
    ["another DPL", 1, atPrivilege(KIND.data, 3), FREE | 1, GP(FREE)],
    ["read-only data", 0, KIND.readOnly, FREE, GP(FREE)],
    ["code", 0, KIND.code, FREE, GP(FREE)],
    ["a segment that is not present", 0, KIND.data & ABSENT, FREE, SS(FREE)],
    ["a selector beyond the table", 0, KIND.data, 0x1000, GP(0x1000)],
  ] as const)("given %s in ring %d", (_name, ring, attributes, selector, outcome) => {
    expect(setUp(ring, attributes, selector).run(MOV_SS)).toBe(outcome);
  });
});

describe("segment moves", () => {
  it("MOV refuses CS and registers that do not exist", () => {
    const bench = createSystemBench();
    expect([bench.run("8ec8"), bench.run("8ef0"), bench.run("8cf0")]).toEqual([UD, UD, UD]);
  });

  it("MOV from a segment register stores 16 bits, but fills a 32-bit register", () => {
    const bench = createSystemBench();
    bench.state.setRegister(0, 0xffff_ffff);
    bench.view.setUint32(PLACE.data, 0xffff_ffff, true);
    bench.run("8cd8");
    expect(bench.state.register(0)).toBe(SELECTOR.data[0]);
    bench.state.setRegister(0, PLACE.data);
    bench.run("8c18");
    expect(bench.view.getUint32(PLACE.data, true)).toBe(0xffff_0000 + SELECTOR.data[0]);
  });

  it("POP SS moves the stack pointer and holds interrupts back; a fault leaves the pointer", () => {
    const bench = createSystemBench();
    bench.view.setUint32(PLACE.stack, SELECTOR.data[0], true);
    expect(bench.run("17")).toBe(OUTCOME.shadow);
    expect(bench.state.register(4)).toBe(PLACE.stack + 4);
    bench.view.setUint32(PLACE.stack + 4, SELECTOR.data[3], true);
    expect(bench.run("1f")).toBe(OUTCOME.next);
    bench.view.setUint32(PLACE.stack + 8, SELECTOR.tss, true);
    expect(bench.run("1f")).toBe(GP(SELECTOR.tss));
    expect(bench.state.register(4)).toBe(PLACE.stack + 8);
  });

  it("PUSH of a segment register pushes its selector", () => {
    const bench = createSystemBench();
    bench.run("06");
    expect(bench.stack(1)).toEqual([SELECTOR.data[0]]);
  });

  it("LDS loads segment and register, or neither", () => {
    const bench = createSystemBench();
    bench.view.setUint32(PLACE.data, 0xcafe_f00d, true);
    bench.view.setUint16(PLACE.data + 4, SELECTOR.data[3], true);
    bench.state.setRegister(3, PLACE.data);
    expect(bench.run("c503")).toBe(OUTCOME.next);
    expect([bench.state.register(0), bench.state.selector(SEGMENT.ds)]).toEqual([
      0xcafe_f00d,
      SELECTOR.data[3],
    ]);
    bench.view.setUint16(PLACE.data + 4, 0x1000, true);
    const before = bench.snapshot();
    expect(bench.run("0fb5 03")).toBe(GP(0x1000));
    expect(bench.snapshot()).toEqual(before);
  });

  it("a table on a page that is not present faults as supervisor", () => {
    const bench = setUp(3, 0, FREE | 3);
    bench.missing.add(PLACE.gdt >>> 12);
    expect(bench.run(MOV_DS)).toBe(PF(0));
  });

  it("in real mode a selector is a paragraph", () => {
    const bench = createSystemBench();
    bench.state.setControl(0, 0);
    bench.state.setRegister(0, 0x1234);
    expect(bench.run(MOV_DS)).toBe(OUTCOME.next);
    expect(bench.state.segment(SEGMENT.ds)).toMatchObject({ selector: 0x1234, base: 0x1_2340 });
  });
});
