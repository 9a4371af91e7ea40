import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createBackRing, createFrontRing, RING_VIOLATION, SLOT_TAKEN } from "../../src/index.ts";
import { makeSharedMemory } from "../shared-memory.ts";

const index = fc.oneof(fc.nat(80), fc.integer({ min: 0xffff_ffb0, max: 0xffff_ffff }), fc.nat(0xffff_ffff));
const corruption = fc.array(fc.record({ word: fc.nat(15), value: index }), { maxLength: 60, size: "max" });

describe("slot ring whose memory the other end scribbles over", () => {
  it("never gives the back more requests than there are slots without an answer", () => {
    fc.assert(
      fc.property(corruption, (writes) => {
        const page = makeSharedMemory(4096);
        const back = createBackRing({ page, ringBytes: 4096, slotBytes: 112 });
        const slot = new Uint8Array(112);
        for (const { word, value } of writes) {
          page.writeUint32(word * 4, value);
          let taken = back.takeRequest(slot);
          while (taken === SLOT_TAKEN) taken = back.takeRequest(slot);
          expect(back.unanswered).toBeLessThanOrEqual(back.slotCount);
          if (taken === RING_VIOLATION) return;
          back.finalCheck();
          if (value % 2 === 0) back.putResponse(slot);
          back.pushResponses();
        }
      }),
    );
  });

  it("never gives the front a response without a request", () => {
    fc.assert(
      fc.property(corruption, fc.nat(32), (writes, requests) => {
        const page = makeSharedMemory(4096);
        const front = createFrontRing({ page, ringBytes: 4096, slotBytes: 112 });
        const slot = new Uint8Array(112);
        for (let count = 0; count < requests; count++) front.putRequest(slot);
        front.pushRequests();
        let responses = 0;
        for (const { word, value } of writes) {
          page.writeUint32(word * 4, value);
          let taken = front.takeResponse(slot);
          for (; taken === SLOT_TAKEN; taken = front.takeResponse(slot)) responses++;
          expect(responses).toBeLessThanOrEqual(requests);
          if (taken === RING_VIOLATION) return;
          front.finalCheck();
        }
      }),
    );
  });

  it("writes nothing outside the ring's header and the slot that is put", () => {
    fc.assert(
      fc.property(index, (start) => {
        const page = makeSharedMemory(4096);
        page.writeUint32(8, start);
        page.writeUint32(0, (start + 1) >>> 0);
        const back = createBackRing({ page, ringBytes: 4096, slotBytes: 112 });
        const slot = new Uint8Array(112).fill(0xff);
        back.takeRequest(new Uint8Array(112));
        back.putResponse(slot);
        back.pushResponses();
        const first = 64 + (start % 32) * 112;
        const outside = page.bytes.filter((_byte, at) => at >= 64 && (at < first || at >= first + 112));
        expect(outside.every((byte) => byte === 0)).toBe(true);
        expect(page.bytes.subarray(first, first + 112)).toEqual(slot);
      }),
    );
  });
});
