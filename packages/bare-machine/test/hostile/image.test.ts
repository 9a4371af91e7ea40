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

  it("as code run or stop, never throw", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 4, maxLength: 64 }), (code) => {
        const text = [...code].map((byte) => byte.toString(16).padStart(2, "0")).join("");
        expect(machine.boot(makeImage({ code: text }), "")).toBeNull();
        const before = machine.retired;
        const stop = machine.run(1000);
        if (stop === null) expect(machine.retired - before).toBe(1000);
        else expect(machine.retired - before).toBeLessThanOrEqual(1000);
      }),
      { numRuns: 500 },
    );
  });
});
