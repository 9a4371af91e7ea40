import type { BlockStatus } from "@xenolith/backend-interface";
import {
  BLKIF_OP_FLUSH_DISKCACHE,
  BLKIF_OP_READ,
  BLKIF_OP_WRITE,
  BLKIF_OP_WRITE_BARRIER,
} from "@xenolith/xen-abi/io/blkif";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createDiskBench, createHeldStore } from "../disk.ts";

const action = fc.oneof(
  fc.record({
    kind: fc.constant("request" as const),
    operation: fc.constantFrom(
      BLKIF_OP_READ,
      BLKIF_OP_WRITE,
      BLKIF_OP_WRITE_BARRIER,
      BLKIF_OP_FLUSH_DISKCACHE,
    ),
  }),
  fc.record({
    kind: fc.constant("answer" as const),
    index: fc.nat(10),
    status: fc.constantFrom<BlockStatus[]>("ok", "ok", "io-error"),
  }),
);

describe("a connection over a store that answers when and as it likes", () => {
  it("answers every request once, keeps barriers, and has a bounded number under way", () => {
    fc.assert(
      fc.property(
        fc.array(action, { maxLength: 60 }),
        fc.integer({ min: 1, max: 6 }),
        (actions, inFlight) => {
          const store = createHeldStore(100_000);
          const { host, connect } = createDiskBench(store, {}, { requestsInFlight: inFlight });
          const front = connect();
          /** Sectors number the requests: what the store sees tells which they are. */
          const barriers = new Set<number>();
          const answered = new Set<number>();
          let asked = 0;

          const collect = (): void => {
            for (const { id } of front.responses()) {
              expect(answered.has(id.low)).toBe(false);
              answered.add(id.low);
            }
          };
          const look = (): void => {
            host.settle();
            collect();
            expect(store.held.length).toBeLessThanOrEqual(inFlight);
            const begun = store.held.flatMap(({ request }) =>
              "sector512" in request ? [request.sector512 / 8] : [],
            );
            for (const barrier of barriers) {
              if (answered.has(barrier)) continue;
              // While a barrier has not been answered nothing after it begins, and it begins after all before it.
              expect(begun.filter((number) => number > barrier)).toEqual([]);
              if (begun.includes(barrier)) expect(store.held).toHaveLength(1);
            }
          };
          for (const step of actions) {
            if (step.kind === "answer")
              store.answer(step.index % Math.max(1, store.held.length), step.status);
            else {
              const [gref] = front.references;
              if (gref === undefined) return;
              const placed = front.put({
                operation: step.operation,
                id: { low: asked, high: 0 },
                sectorNumber: asked * 8,
                nrSegments: step.operation === BLKIF_OP_FLUSH_DISKCACHE ? 0 : 1,
                seg: [{ gref, firstSect: 0, lastSect: 7 }],
              });
              if (placed && step.operation === BLKIF_OP_WRITE_BARRIER) barriers.add(asked);
              if (placed) asked++;
              front.push();
            }
            look();
          }
          for (let round = 0; round < 1000 && answered.size < asked; round++) {
            store.answer(0);
            look();
          }
          expect(answered.size).toBe(asked);
        },
      ),
      { numRuns: 300 },
    );
  });
});
