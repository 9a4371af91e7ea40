import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseRequest } from "../../src/parse.ts";

const near = (middle: number): fc.Arbitrary<number> =>
  fc.integer({ min: Math.max(0, middle - 9), max: middle + 9 });

describe("parseRequest", () => {
  it("lets nothing through that is outside a page or the disk, whatever the slot says", () => {
    const slot = fc.uint8Array({ minLength: 112, maxLength: 112 });
    const overlay = fc.record({
      operation: fc.nat(7),
      segments: fc.oneof(fc.nat(12), fc.nat(255)),
      sector: fc.oneof(near(1000), fc.nat(0xffff_ffff)),
      sects: fc.array(fc.nat(8), { minLength: 22, maxLength: 22 }),
    });
    fc.assert(
      fc.property(slot, overlay, fc.boolean(), fc.boolean(), (bytes, chosen, wide, readOnly) => {
        const segmentBytes = Uint8Array.from({ length: 4096 }, (_unused, at) =>
          at % 8 < 4 ? at : (chosen.sects[(at >> 3) % chosen.sects.length] ?? 0),
        );
        const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
        const body = wide ? 16 : 12;
        view.setUint8(0, chosen.operation);
        view.setUint8(1, chosen.segments);
        view.setUint32(body, chosen.sector, true);
        if (chosen.sector % 3 !== 0) view.setUint32(body + 4, 0, true);
        for (const [index, sect] of chosen.sects.entries())
          view.setUint8(body + 8 + Math.floor(index / 2) * 8 + 4 + (index % 2), sect);

        const disk = { sectorCount: 1000, readOnly, canDiscard: true };
        const { command } = parseRequest(view, wide ? "x86_64" : "x86_32p", disk, (_references, length) =>
          length % 3 === 0 ? null : segmentBytes.slice(0, length),
        );
        if (command.kind === "refused") {
          expect(command.status).toBeLessThan(0);
          return;
        }
        if (command.kind === "discard") {
          expect(readOnly).toBe(false);
          expect(command.sector512 + command.sectorCount).toBeLessThanOrEqual(1000);
          return;
        }
        expect(command.runs.length).toBeLessThanOrEqual(chosen.operation === 6 ? 256 : 11);
        for (const { offset, lengthBytes } of command.runs) {
          expect(lengthBytes).toBeGreaterThanOrEqual(512);
          expect(offset + lengthBytes).toBeLessThanOrEqual(4096);
        }
        expect(command.lengthBytes).toBe(command.runs.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0));
        if (command.lengthBytes > 0)
          expect(command.sector512 + command.lengthBytes / 512).toBeLessThanOrEqual(1000);
        if (command.kind === "write" && readOnly) expect(command.lengthBytes).toBe(0);
      }),
      { numRuns: 2000 },
    );
  });
});
