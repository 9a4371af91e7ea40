import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type ByteRingLayout,
  RING_VIOLATION,
  type RingPage,
  readByteRing,
  writeByteRing,
} from "../../src/index.ts";

const layout: ByteRingLayout = { bufferOffset: 16, bufferBytes: 32, consumerOffset: 0, producerOffset: 4 };

const makePage = (start: number): RingPage & { bytes: Uint8Array } => {
  const bytes = new Uint8Array(64);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, start, true);
  view.setUint32(4, start, true);
  return {
    bytes,
    copyIn: (at, from) => bytes.set(from, at),
    copyOut: (at, into) => into.set(bytes.subarray(at, at + into.length)),
    readUint32: (at) => view.getUint32(at, true),
    writeUint32: (at, value) => view.setUint32(at, value, true),
  };
};

describe("byte ring", () => {
  it("delivers every byte once, in order, also across the wrap of indices", () => {
    const step = fc.record({ write: fc.uint8Array({ maxLength: 40 }), readBytes: fc.nat(40) });
    fc.assert(
      fc.property(
        fc.constantFrom(0, 7, 0xffff_fff0),
        fc.array(step, { maxLength: 100, size: "max" }),
        (start, steps) => {
          const page = makePage(start);
          const sent: number[] = [];
          const received: number[] = [];
          for (const { write, readBytes } of steps) {
            const taken = writeByteRing(page, layout, write);
            expect(taken).toBe(Math.min(write.length, 32 - (sent.length - received.length)));
            sent.push(...write.subarray(0, taken));
            const into = new Uint8Array(readBytes);
            received.push(...into.subarray(0, readByteRing(page, layout, into)));
          }
          expect(received).toEqual(sent.slice(0, received.length));
        },
      ),
    );
  });

  it("reports impossible indices to both ends and touches nothing outside the page's ring", () => {
    fc.assert(
      fc.property(fc.nat(0xffff_ffff), fc.nat(0xffff_ffff), (consumer, producer) => {
        fc.pre((producer - consumer) >>> 0 > 32);
        const page = makePage(0);
        page.writeUint32(0, consumer);
        page.writeUint32(4, producer);
        expect(readByteRing(page, layout, new Uint8Array(8))).toBe(RING_VIOLATION);
        expect(writeByteRing(page, layout, new Uint8Array(8))).toBe(RING_VIOLATION);
        expect([...page.bytes.subarray(16)].every((byte) => byte === 0)).toBe(true);
      }),
    );
  });
});
