import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createBareMachine } from "../../src/index.ts";
import { makeImage } from "../support/image.ts";

describe("any bytes", () => {
  const machine = createBareMachine({ memoryMib: 4, onSerialByte: () => {} });

  it("as an image are booted or refused, never thrown at", () => {
    const good = makeImage({ code: "f4" });
    const spoiled = fc.array(fc.tuple(fc.nat(300), fc.nat(255)), { maxLength: 8 }).map((changes) => {
      const file = good.slice();
      for (const [at, byte] of changes) file[at] = byte;
      return file;
    });
    fc.assert(
      fc.property(fc.oneof(spoiled, fc.uint8Array({ maxLength: 400 })), fc.string(), (file, commandLine) => {
        expect([null, "object"]).toContain(machine.boot(file, commandLine) === null ? null : "object");
      }),
      { numRuns: 500 },
    );
  });

  it("as code run or stop, never throw, and never retire more than they may", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 4, maxLength: 64 }), (code) => {
        const text = [...code].map((byte) => byte.toString(16).padStart(2, "0")).join("");
        expect(machine.boot(makeImage({ code: text }), "")).toBeNull();
        const before = machine.retired;
        machine.run(1000);
        expect(machine.retired - before).toBeLessThanOrEqual(1000);
      }),
      { numRuns: 500 },
    );
  });

  it("let run come back from a handler that faults before its first instruction", () => {
    // lgdt [0x9000]; lidt [0x9010]; mov esp, 0x200000; ud2
    expect(
      machine.boot(makeImage({ code: "0f0115 00900000 0f011d 10900000 bc00002000 0f0b" }), ""),
    ).toBeNull();
    const { view } = machine.memory;
    view.setUint16(0x9000, 0xffff, true);
    view.setUint32(0x9002, 0x8000, true);
    view.setUint16(0x9010, 0xffff, true);
    view.setUint32(0x9012, 0xa000, true);
    view.setUint32(0x8008, 0x0000_ffff, true);
    view.setUint32(0x800c, 0x00cf_9a00, true);
    // Interrupt gates for #UD and #PF to 0x70000000, where there is no memory to execute.
    for (const vector of [6, 14]) {
      view.setUint32(0xa000 + 8 * vector, 0x0008_0000, true);
      view.setUint32(0xa004 + 8 * vector, 0x7000_8e00, true);
    }
    const before = machine.retired;
    expect(machine.run(1000)).toBeNull();
    expect(machine.retired - before).toBe(3);
    expect(machine.context.instructionPointer).toBe(0x7000_0000);
  });
});
