import { EXIT, HostError } from "@xenolith/machine-interface";
import { CR0, FLAG, REGISTER, SEGMENT } from "@xenolith/x86-architecture";
import { describe, expect, it } from "vitest";
import { CODE } from "../../support/engine-bench.ts";
import { createInstrumentedBench } from "../../support/instrumented-bench.ts";

describe("the saved state of a processor", () => {
  it("holds registers of every kind", () => {
    const from = createInstrumentedBench().vcpu;
    const to = createInstrumentedBench().vcpu;
    const { context } = from;
    context.setWideRegister(REGISTER.rbx, 0x1122_3344_5566_7788n);
    context.flags = FLAG.fixed | FLAG.cf | FLAG.zf | FLAG.df;
    context.setSegment(SEGMENT.fs, { selector: 0x33, base: 0x1234_5000, limit: 0xfff, attributes: 0xc0f3 });
    context.setControl(0, CR0.pe | CR0.et | CR0.wp);
    context.setControl(3, 0x5000);
    context.setDebug(0, 0xdead_0000);
    context.floatingPoint.setRegister(3, 0x3fff_8000_0000_0000_0000n);
    context.floatingPoint.setVector(15, 0x0011_2233_4455_6677_8899_aabb_ccdd_eeffn);
    context.floatingPoint.mxcsr = 0x1f00;
    to.restore(from.save());
    const read = to.context;
    expect(read.wideRegister(REGISTER.rbx)).toBe(0x1122_3344_5566_7788n);
    expect(read.flags).toBe(context.flags);
    expect(read.segment(SEGMENT.fs)).toEqual(context.segment(SEGMENT.fs));
    expect([read.control(0), read.control(3), read.debug(0)]).toEqual([
      CR0.pe | CR0.et | CR0.wp,
      0x5000,
      0xdead_0000,
    ]);
    expect(read.floatingPoint.register(3)).toBe(0x3fff_8000_0000_0000_0000n);
    expect(read.floatingPoint.vector(15)).toBe(0x0011_2233_4455_6677_8899_aabb_ccdd_eeffn);
    expect(read.floatingPoint.mxcsr).toBe(0x1f00);
  });

  it("holds the count of instructions that is the time-stamp counter", () => {
    const { vcpu, load } = createInstrumentedBench();
    // nop; nop; rdtsc; hlt
    load("90 90 0f31 f4");
    vcpu.run(2);
    const saved = vcpu.save();
    vcpu.run(1);
    const first = vcpu.context.register(REGISTER.rax);
    vcpu.run(100);
    vcpu.restore(saved);
    expect(vcpu.context.instructionPointer).toBe(CODE + 2);
    expect(vcpu.run(1).kind).toBe(EXIT.budget);
    expect(vcpu.context.register(REGISTER.rax)).toBe(first);
  });

  it("is refused when it is something else", () => {
    const { vcpu } = createInstrumentedBench();
    const saved = vcpu.save();
    expect(() => vcpu.restore(saved.subarray(1))).toThrow(HostError);
    expect(() => vcpu.restore(new Uint8Array(saved.length))).toThrow(/not the saved state/);
    const other = saved.slice();
    other[8] = (other[8] ?? 0) ^ 1;
    expect(() => vcpu.restore(other)).toThrow(/another version/);
  });
});
