import { EXIT } from "@xenolith/machine-interface";
import { FLAG, REGISTER } from "@xenolith/x86-architecture";
import { describe, expect, it } from "vitest";
import { CODE, createEngineBench } from "../../support/engine-bench.ts";

const { rax, rcx, rsi, rdi } = REGISTER;

describe("run", () => {
  it("retires exactly as many instructions as asked, wherever that ends in a block", () => {
    for (let budget = 0; budget < 12; budget++) {
      const bench = createEngineBench();
      bench.load("40 40 40 40 40 40 40 40 40 40 40 40 40 40 f4");
      expect(bench.run(budget)).toMatchObject({ kind: EXIT.budget, retired: budget });
      expect(bench.context.register(rax)).toBe(budget);
      expect(bench.context.instructionPointer).toBe(CODE + budget);
    }
  });

  it("counts each iteration of a repeated instruction, and can stop within", () => {
    const bench = createEngineBench();
    bench.context.setRegister(rcx, 1000);
    bench.context.setRegister(rsi, 0x2000);
    bench.context.setRegister(rdi, 0x4000);
    bench.load("f3 a4 f4");
    expect(bench.run(300)).toMatchObject({ kind: EXIT.budget, retired: 300 });
    expect(bench.context.register(rcx)).toBe(700);
    expect(bench.context.register(rdi)).toBe(0x4000 + 300);
    expect(bench.context.instructionPointer).toBe(CODE);
    expect(bench.run(700)).toMatchObject({ retired: 700 });
    expect(bench.context.instructionPointer).toBe(CODE + 2);
  });

  it("counts a repeated instruction without iterations as one", () => {
    const bench = createEngineBench();
    bench.load("f3 a4 f4");
    expect(bench.run(1)).toMatchObject({ kind: EXIT.budget, retired: 1 });
    expect(bench.context.instructionPointer).toBe(CODE + 2);
  });

  it("comes back on request at an instruction boundary", () => {
    const bench = createEngineBench({
      ports: { read: () => 0, write: () => bench.vcpu.requestExit() },
    });
    bench.load("40 e6 10 40 eb fd");
    expect(bench.run(1000)).toMatchObject({ kind: EXIT.request, retired: 2 });
    expect(bench.run(1)).toMatchObject({ kind: EXIT.budget, retired: 1 });
  });

  it("stops at HLT and stays there", () => {
    const bench = createEngineBench();
    bench.load("40 f4 40");
    expect(bench.run(10)).toMatchObject({ kind: EXIT.halt, retired: 2 });
    expect(bench.run(10)).toMatchObject({ kind: EXIT.halt, retired: 0 });
    expect(bench.context.register(rax)).toBe(1);
  });

  it("tells the time-stamp counter the instructions retired so far", () => {
    const bench = createEngineBench({ timestamp: (retired) => 1000 + retired });
    bench.load("90 90 0f 31 f4");
    bench.run(10);
    expect(bench.context.register(rax)).toBe(1002);
  });

  it("keeps flags that no result could have", () => {
    const bench = createEngineBench();
    bench.load("90 f4");
    for (let bits = 0; bits < 64; bits++) {
      const positions = [FLAG.cf, FLAG.pf, FLAG.af, FLAG.zf, FLAG.sf, FLAG.of];
      const flags = positions.reduce<number>(
        (all, flag, index) => all | ((bits >> index) & 1 ? flag : 0),
        FLAG.fixed,
      );
      bench.context.flags = flags;
      bench.context.instructionPointer = CODE;
      bench.run(1);
      expect(bench.context.flags).toBe(flags);
    }
  });
});
