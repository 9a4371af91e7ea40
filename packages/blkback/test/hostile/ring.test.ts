import type { BlockStore } from "@xenolith/backend-interface";
import type { EntropySource } from "@xenolith/machine-interface";
import { describe, expect, it } from "vitest";
import { createHostileTraffic, type RingFrontend } from "../../src/testing/index.ts";
import { createDiskBench, createHeldStore } from "../disk.ts";

const createEntropy = (seed: number): EntropySource => {
  let state = seed >>> 0;
  const next32 = (): number => {
    state = (state + 0x9e37_79b9) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x85eb_ca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35);
    return (mixed ^ (mixed >>> 16)) >>> 0;
  };
  return { next32, below: (bound) => next32() % bound, fork: () => createEntropy(next32()) };
};

/** A store that checks what it is asked. */
const createStrictStore = (sectorCount: number): BlockStore => {
  const isWithin = (sector512: number, count: number): boolean =>
    Number.isInteger(sector512) &&
    sector512 >= 0 &&
    Number.isInteger(count) &&
    sector512 + count <= sectorCount;
  return {
    sectorCount,
    readOnly: false,
    canDiscard: true,
    submit: (request, done) => {
      if (request.kind === "read") expect(isWithin(request.sector512, request.into.length / 512)).toBe(true);
      if (request.kind === "write") expect(isWithin(request.sector512, request.from.length / 512)).toBe(true);
      if (request.kind === "discard") expect(isWithin(request.sector512, request.sectorCount)).toBe(true);
      done("ok");
    },
    close: async () => {},
  };
};

describe("a hostile front end", () => {
  it.each(["x86_32p", "x86_64"] as const)(
    "gets an answer or is disconnected, and leaks nothing (%s)",
    (width) => {
      const entropy = createEntropy(width === "x86_64" ? 1 : 2);
      const bench = createDiskBench(createStrictStore(1000));
      let slots = 0;
      let answers = 0;
      const statuses = new Map<number, number>();
      while (slots < 10_000) {
        const frontend: RingFrontend = bench.connect({
          width,
          ringPages: 1 + entropy.below(2),
          persistent: entropy.below(2) === 0,
        });
        const traffic = createHostileTraffic({ frontend, domain: bench.front, entropy, sectorCount: 1000 });
        const violations = bench.violations.length;
        while (bench.violations.length === violations && slots + traffic.slots < 10_000) {
          const did = traffic.step();
          bench.host.settle();
          expect(bench.violations.length - violations).toBe(did === "indices" ? 1 : 0);
          for (const { status } of frontend.responses()) {
            statuses.set(status, (statuses.get(status) ?? 0) + 1);
            answers++;
          }
        }
        slots += traffic.slots;
        if (bench.violations.length === violations) bench.driver.disconnect();
        expect(bench.host.mappedGrants).toBe(0);
        expect(frontend.close()).toEqual([]);
      }
      expect(bench.violations.length).toBeGreaterThan(3);
      expect(answers).toBeGreaterThan(slots * 0.9);
      for (const status of [0, -1, -2]) expect(statuses.get(status)).toBeGreaterThan(500);
    },
  );

  it("makes the back end do a bounded amount of work per event, however it fills its ring", () => {
    const store = createHeldStore(1000);
    const bench = createDiskBench(store, {}, { requestsInFlight: 16 });
    const front = bench.connect({ ringPages: 4 });
    while (front.put({ operation: 1, nrSegments: 11 }));
    front.push();
    bench.host.settle();
    // Every write has references that are no good, and is answered without the store.
    expect(store.held).toHaveLength(0);
    expect(bench.back.chargedNs).toBe(front.ring.slotCount * (1000 + 11 * 100));
  });

  it("holds a bounded number of bytes and of mappings, however large its requests are", () => {
    const store = createHeldStore(100_000);
    const limits = { bytesInFlight: 1_048_576, persistentGrants: 20 };
    const bench = createDiskBench(store, {}, limits);
    const front = bench.connect({ persistent: true, dataPages: 64 });
    const ring = bench.host.mappedGrants;
    const [table, ...pages] = front.references;
    if (table === undefined) throw new Error("no page");
    const segments = Array.from({ length: 256 }, (_unused, index) => ({
      gref: pages[index % pages.length] ?? table,
      firstSect: 0,
      lastSect: 7,
    }));
    front.writeSegments(0, segments);
    const request = { operation: 6, nrSegments: 256, handle: 0, indirectGrefs: Array(8).fill(table) };
    for (let index = 0; index < 32; index++)
      front.putIndirect({
        ...request,
        indirectOp: index % 2,
        id: { low: index, high: 0 },
        sectorNumber: index * 2048,
      });
    front.push();
    for (let answered = 0; answered < 32; answered++) {
      bench.host.settle();
      expect(store.held).toHaveLength(1);
      expect(bench.host.mappedGrants - ring).toBeLessThanOrEqual(20);
      store.answer(0);
    }
    bench.host.settle();
    expect(front.responses().map(({ status, operation }) => [status, operation])).toEqual(
      Array.from({ length: 32 }, (_unused, index) => [0, index % 2]),
    );
    bench.driver.disconnect();
    expect(bench.host.mappedGrants).toBe(0);
  });
});
