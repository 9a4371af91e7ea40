import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createBackRing, createFrontRing, SLOT_TAKEN } from "../../src/index.ts";
import { makeSharedMemory } from "../shared-memory.ts";

const step = fc.constantFrom("request", "serve", "answer", "collect");

describe("slot ring between an honest front and an honest back", () => {
  it("delivers each request and each response once and in order, sleeping only when it will be woken", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(0, 0xffff_fffd, 0x7fff_ffff),
        fc.constantFrom(1, 2, 4),
        fc.array(step, { maxLength: 200, size: "max" }),
        (startIndex, pages, steps) => {
          const page = makeSharedMemory(pages * 4096);
          const place = { page, ringBytes: pages * 4096, slotBytes: 1000 };
          const front = createFrontRing({ ...place, startIndex });
          const back = createBackRing(place);
          const slot = new Uint8Array(1000);
          const view = new DataView(slot.buffer);
          let sent = 0;
          let served = 0;
          let answered = 0;
          let collected = 0;
          let backAwake = false;
          let frontAwake = false;

          const serve = (): void => {
            while (back.takeRequest(slot) === SLOT_TAKEN) expect(view.getUint32(0, true)).toBe(served++);
            backAwake = back.finalCheck();
          };
          const collect = (): void => {
            while (front.takeResponse(slot) === SLOT_TAKEN) expect(view.getUint32(0, true)).toBe(collected++);
            frontAwake = front.finalCheck();
          };
          const act = {
            request: () => {
              view.setUint32(0, sent, true);
              if (front.putRequest(slot)) sent++;
              backAwake = front.pushRequests() || backAwake;
            },
            serve: () => {
              if (backAwake) serve();
            },
            answer: () => {
              view.setUint32(0, answered, true);
              if (back.putResponse(slot)) answered++;
              frontAwake = back.pushResponses() || frontAwake;
            },
            collect: () => {
              if (frontAwake) collect();
            },
          };
          for (const name of steps) {
            act[name]();
            expect(sent - collected).toBeLessThanOrEqual(front.slotCount);
            expect(front.freeSlots).toBe(front.slotCount - (sent - collected));
            expect(back.unanswered).toBe(served - answered);
          }
          // Left alone, both ends finish: whoever has work was told so.
          for (let round = 0; round < 200 && collected < sent; round++) {
            for (const name of ["serve", "answer", "collect"] as const) act[name]();
          }
          expect(collected).toBe(sent);
        },
      ),
    );
  });
});
