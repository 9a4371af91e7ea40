import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createSetting, DOM0, DOM1, DOM2, heldFrames } from "../fake-host.ts";
import { type Handles, operation } from "../operations.ts";

describe("hostile guests", () => {
  it("that scribble over their grant tables all the while get statuses, and hold nothing in the end", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(operation, fc.nat(4095), fc.constantFrom(DOM1, DOM2)), {
          maxLength: 200,
          size: "max",
        }),
        fc.uint8Array({ minLength: 4096, maxLength: 4096 }),
        (steps, noise) => {
          const setting = createSetting();
          const { machine, grants } = setting;
          const handles: Handles = new Map();
          const dom0Table = grants.tableFrames(DOM0)[0] ?? 0;
          for (const [apply, at, scribbler] of steps) {
            const [own] = grants.tableFrames(scribbler);
            machine.bytes.set(noise.subarray(at), (own ?? 0) * 4096);
            const status = apply(setting, handles);
            expect(Number.isInteger(status) && status <= 2 && status >= -4095).toBe(true);
          }
          for (const use of grants.uses()) expect(machine.owners[use.frame]).toBe(use.granter);
          expect(machine.owners[dom0Table]).toBe(-2);
          for (const domain of [DOM0, DOM1, DOM2]) {
            grants.releaseMappings(domain);
            for (const [key, entry] of machine.entries) {
              if (!key.startsWith(`${domain} `)) continue;
              machine.entries.delete(key);
              if (entry.writable) machine.frames.putWritablePage(entry.frame);
              else machine.frames.putPage(entry.frame);
            }
          }
          expect(heldFrames(setting)).toEqual([]);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("cannot make the host keep more than the limits say", () => {
    const setting = createSetting({ maximumMappings: 50, maximumFrames: 3 });
    const handles: Handles = new Map();
    fc.assert(
      fc.property(fc.array(operation, { minLength: 200, maxLength: 200 }), (operations) => {
        for (const apply of operations) apply(setting, handles);
        const uses = setting.grants.uses();
        const mapped = uses.reduce(
          (sum, use) => sum + use.hostReads + use.hostWrites + use.deviceReads + use.deviceWrites,
          0,
        );
        expect(mapped).toBeLessThanOrEqual(3 * 2 * 50);
        for (const domain of [DOM0, DOM1, DOM2])
          expect(setting.grants.tableFrames(domain).length).toBeLessThanOrEqual(3);
      }),
      { numRuns: 20 },
    );
  });
});
