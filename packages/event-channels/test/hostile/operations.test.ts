import { type DomId, toDomId, toVcpuIndex } from "@xenolith/xen-abi";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createThreeDomains, DOM0, DOM1, DOM2 } from "../fake-host.ts";

/** Numbers as a guest's registers hold them: mostly small, sometimes anything. */
const hostileNumber = fc.oneof(
  { weight: 4, arbitrary: fc.nat(20) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(127, 128, 1023, 1024, 4095, 4096, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff),
  },
  { weight: 1, arbitrary: fc.nat(0xffff_ffff) },
);
const hostileDomain = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(0, 1, 2, 0x7ff0) },
  { weight: 1, arbitrary: fc.nat(0xffff) },
);

const operation = fc.record({
  kind: fc.nat(14),
  caller: fc.constantFrom(DOM1, DOM2),
  domain: hostileDomain.map(toDomId),
  other: hostileDomain.map(toDomId),
  a: hostileNumber,
  b: hostileNumber,
  scribble: fc.boolean(),
});

describe("hostile guests", () => {
  it("get a number for every operation, with shared memory scribbled over all the while", () => {
    fc.assert(
      fc.property(
        fc.array(operation, { minLength: 100, maxLength: 300 }),
        fc.uint8Array({ minLength: 4096, maxLength: 4096 }),
        (operations, noise) => {
          const { events, host } = createThreeDomains("x86_64");
          // Each has one frame for all that FIFO events need, so that what it scribbles meets its own queues.
          for (const domain of [DOM1, DOM2]) host.frames.set(domain, new Uint8Array(4096));
          const dom0Page = host.pages.get(DOM0);
          const notIntended = new Set<DomId>();
          for (const { kind, caller, domain, other, a, b, scribble } of operations) {
            if (scribble) host.pages.get(caller)?.set(noise.subarray(a % 4096));
            if (scribble) host.frames.get(caller)?.set(noise.subarray(b % 4096));
            const results = [
              () => events.allocUnbound(caller, domain, other),
              () => events.bindInterdomain(caller, domain, a),
              () => events.bindVirq(caller, a, b),
              () => events.bindIpi(caller, a),
              () => events.bindPirq(caller, a),
              () => events.close(caller, a),
              () => events.send(caller, a),
              () => events.bindVcpu(caller, a, b),
              () => events.unmask(caller, a),
              () => events.reset(caller, domain, false, () => false),
              () => events.beginPoll(caller, toVcpuIndex(b & 1), [a, b]),
              () => events.takePending(caller, toVcpuIndex(b & 1)).length,
              () => events.initControl(caller, { vcpu: b & 1, controlGfn: caller, offset: (a & 0x1f) << 3 }),
              () => events.expandArray(caller, caller),
              () => events.setPriority(caller, a, b),
            ];
            const result = results[kind]?.() ?? 0;
            expect(Number.isInteger(result) && result >= -4095 && result < 4096).toBe(true);
            const status = events.status(caller, domain, a);
            if (typeof status === "object") notIntended.add(domain);
          }
          // Dom0 offered no port, so nobody can have reached it; and nobody saw another domain's ports.
          expect(dom0Page?.every((byte) => byte === 0)).toBe(true);
          expect(notIntended.has(DOM0)).toBe(false);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("cannot make taking pending ports longer than the bitmap is", () => {
    const { events, host } = createThreeDomains("x86_64");
    host.pages.get(DOM1)?.fill(0xff);
    expect(events.takePending(DOM1, toVcpuIndex(0))).toEqual([]);
    host.pages.get(DOM1)?.fill(0, 2560, 3072);
    expect(events.takePending(DOM1, toVcpuIndex(1)).length).toBe(4096);
  });
});
