import { FRAME_WATCH } from "@xenolith/machine-interface";
import { REGISTER } from "@xenolith/x86-architecture";
import { describe, expect, it } from "vitest";
import { CODE, createEngineBench } from "../../support/engine-bench.ts";

const { rax, rcx } = REGISTER;

describe("code that changes", () => {
  it("is seen by the very next instruction of the same block", () => {
    const bench = createEngineBench();
    // mov byte [0x100c], 0x2a ; nop*5 ; mov eax, 1 (immediate at 0x100d) ; hlt
    bench.load("c6 05 0d 10 00 00 2a 90 90 90 90 90 b8 01 00 00 00 f4");
    bench.run(100);
    expect(bench.context.register(rax)).toBe(0x2a);
  });

  it("is seen when the change comes in the midst of a cut block", () => {
    const bench = createEngineBench();
    bench.load("c6 05 0d 10 00 00 2a 90 90 90 90 90 b8 01 00 00 00 90 90 90 f4");
    bench.run(7);
    expect(bench.context.register(rax)).toBe(0x2a);
    expect(bench.context.instructionPointer).toBe(CODE + 17);
  });

  it("is seen in a loop that patches itself on every turn", () => {
    const bench = createEngineBench();
    // mov ecx, 5 ; l: inc byte [0x1010] ; nop*2 ; mov bl, 0 (immediate at 0x1010) ; add al, bl ; loop l ; hlt
    bench.load("b9 05 00 00 00 fe 05 10 10 00 00 90 90 90 90 b3 00 00 d8 e2 f0 f4");
    bench.run(1000);
    expect(bench.context.register(rcx)).toBe(0);
    expect(bench.context.register(rax) & 0xff).toBe(1 + 2 + 3 + 4 + 5);
  });

  it("is seen after a store from TypeScript that was announced", () => {
    const bench = createEngineBench();
    bench.load("b8 01 00 00 00 eb f9");
    bench.run(10);
    bench.place("02", CODE + 1);
    bench.run(10);
    expect(bench.context.register(rax)).toBe(2);
  });

  it("does not forget blocks for stores to other bytes of the page", () => {
    const bench = createEngineBench();
    // l: mov [0x1800], ecx ; inc ecx ; jmp l
    bench.load("89 0d 00 18 00 00 41 eb f7");
    bench.run(30);
    const before = bench.translator.refillCount;
    bench.run(3000);
    expect(bench.context.register(rcx)).toBe(1010);
    // Each store refills twice, because the page is watched; the code is not fetched again.
    expect(bench.translator.refillCount - before).toBeLessThan(2100);
  });

  it("is no longer watched once all of it is gone", () => {
    const bench = createEngineBench();
    bench.load("40 eb fd");
    bench.run(4);
    const watch = () => (bench.memory.bytes[bench.memory.watchTableOffset + 1] ?? 0) & FRAME_WATCH.code;
    expect(watch()).toBe(FRAME_WATCH.code);
    bench.place("90 90 90", CODE);
    // It may be patched and run again: only a store that finds no code there ends the watch.
    expect(watch()).toBe(FRAME_WATCH.code);
    bench.place("90", CODE);
    expect(watch()).toBe(0);
  });

  it("survives running out of room for records", () => {
    const bench = createEngineBench({ recordBytes: 64 * 260 });
    // Forty functions that add 1, called one after the other.
    let calls = "";
    for (let n = 0; n < 40; n++) {
      const at = 0x4000 + 64 * n;
      bench.place("83 c0 01 90 90 90 90 90 90 90 90 c3", at);
      const distance = (at - (CODE + 5 * (n + 1))) >>> 0;
      const bytes = [0, 8, 16, 24].map((shift) =>
        ((distance >>> shift) & 0xff).toString(16).padStart(2, "0"),
      );
      calls += `e8 ${bytes.join(" ")} `;
    }
    bench.load(`${calls} f4`);
    bench.run(10_000);
    expect(bench.context.register(rax)).toBe(40);
  });
});
