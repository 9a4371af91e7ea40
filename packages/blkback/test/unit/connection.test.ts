import type { BlockStore } from "@xenolith/backend-interface";
import {
  BLKIF_OP_FLUSH_DISKCACHE,
  BLKIF_OP_READ,
  BLKIF_OP_WRITE,
  BLKIF_OP_WRITE_BARRIER,
  BLKIF_RSP_ERROR,
  BLKIF_RSP_OKAY,
} from "@xenolith/xen-abi/io/blkif";
import { SHARED_RING } from "@xenolith/xen-abi/io/ring";
import { describe, expect, it } from "vitest";
import type { RingFrontend } from "../../src/testing/index.ts";
import { createDiskBench, createHeldStore } from "../disk.ts";

/** Puts requests of one page each, with the numbers 0, 1, 2 … as ids and sectors. */
const putAll = (front: RingFrontend, operations: readonly number[]): void => {
  for (const [index, operation] of operations.entries()) {
    const gref = front.references[index];
    if (gref === undefined) throw new Error("too few pages");
    const empty = operation === BLKIF_OP_FLUSH_DISKCACHE;
    front.put({
      operation,
      id: { low: index, high: 0xfeed_beef },
      sectorNumber: index * 8,
      nrSegments: empty ? 0 : 1,
      seg: [{ gref, firstSect: 0, lastSect: 7 }],
    });
  }
  front.push();
};
const idsOf = (front: RingFrontend): number[] => front.responses().map(({ id }) => id.low);

describe("a connection", () => {
  it("answers requests in the order in which the store does them, echoing id and operation", () => {
    const store = createHeldStore(800);
    const { host, connect } = createDiskBench(store);
    const front = connect();
    putAll(front, [BLKIF_OP_READ, BLKIF_OP_WRITE, BLKIF_OP_READ]);
    host.settle();
    store.answer(1);
    store.answer(1, "io-error");
    store.answer(0);
    expect(front.responses()).toEqual([
      { id: { low: 1, high: 0xfeed_beef }, operation: BLKIF_OP_WRITE, status: BLKIF_RSP_OKAY },
      { id: { low: 2, high: 0xfeed_beef }, operation: BLKIF_OP_READ, status: BLKIF_RSP_ERROR },
      { id: { low: 0, high: 0xfeed_beef }, operation: BLKIF_OP_READ, status: BLKIF_RSP_OKAY },
    ]);
  });

  it("serves a ring that was filled before it was connected", () => {
    const store = createHeldStore(800);
    const bench = createDiskBench(store);
    const front = bench.connect();
    bench.driver.disconnect();
    putAll(front, [BLKIF_OP_READ]);
    bench.host.settle();
    expect(store.held).toHaveLength(0);
    const again = {
      ...front.nodes,
      "event-channel": String(bench.front.events.allocateUnbound(bench.back.id)),
    };
    expect(typeof bench.offer(again)).toBe("object");
    bench.host.settle();
    expect(store.held).toHaveLength(1);
  });

  it("holds a barrier until all before it are done, and all after it until the barrier is durable", () => {
    const store = createHeldStore(800);
    const { host, connect } = createDiskBench(store);
    const front = connect();
    putAll(front, [BLKIF_OP_WRITE, BLKIF_OP_WRITE, BLKIF_OP_WRITE_BARRIER, BLKIF_OP_WRITE]);
    const waiting = (): string[] => {
      host.settle();
      return store.held.map(
        ({ request }) => `${request.kind} ${"sector512" in request ? request.sector512 : ""}`,
      );
    };
    expect(waiting()).toEqual(["write 0", "write 8"]);
    store.answer(1);
    expect(waiting()).toEqual(["write 0"]);
    store.answer(0);
    expect(waiting()).toEqual(["flush "]);
    store.answer(0);
    expect(waiting()).toEqual(["write 16"]);
    store.answer(0);
    expect(waiting()).toEqual(["flush "]);
    expect(idsOf(front)).toEqual([1, 0]);
    store.answer(0);
    expect(waiting()).toEqual(["write 24"]);
    expect(idsOf(front)).toEqual([2]);
  });

  it("does not hold anything for a flush", () => {
    const store = createHeldStore(800);
    const { host, connect } = createDiskBench(store);
    putAll(connect(), [BLKIF_OP_WRITE, BLKIF_OP_FLUSH_DISKCACHE, BLKIF_OP_WRITE]);
    host.settle();
    expect(store.held.map(({ request }) => request.kind)).toEqual(["write", "flush", "write"]);
  });

  it("has no more requests under way than it may, and goes on when one is done", () => {
    const store = createHeldStore(800);
    const { host, driver, connect } = createDiskBench(store, {}, { requestsInFlight: 3 });
    const front = connect();
    putAll(front, Array(10).fill(BLKIF_OP_READ));
    host.settle();
    expect(store.held).toHaveLength(3);
    expect(driver.stats.stalls).toBeGreaterThan(0);
    for (let done = 0; done < 10; done++) {
      store.answer(0);
      host.settle();
      expect(store.held.length).toBe(Math.min(3, 9 - done));
    }
    expect(idsOf(front)).toHaveLength(10);
  });

  it("sends one event for the answers of one batch", () => {
    const done: BlockStore["submit"] = (_request, answer) => answer("ok");
    const { host, back, connect } = createDiskBench({ ...createHeldStore(800), submit: done });
    const front = connect();
    let events = 0;
    host.domain(5).events.listen(front.port, () => events++);
    putAll(front, Array(8).fill(BLKIF_OP_READ));
    host.settle();
    expect(idsOf(front)).toHaveLength(8);
    expect(events).toBe(1);
    expect(back.chargedNs).toBe(8 * (1000 + 100));
  });

  it("leaves the front end's pages alone once it has disconnected, and answers nothing", () => {
    const store = createHeldStore(800);
    const { host, driver, connect } = createDiskBench(store);
    const front = connect();
    putAll(front, [BLKIF_OP_READ, BLKIF_OP_WRITE_BARRIER]);
    host.settle();
    front.data.writeUint32(0, 0x1234_5678);
    driver.disconnect();
    expect(host.mappedGrants).toBe(0);
    expect(front.close()).toEqual([]);
    store.answer(0);
    host.settle();
    expect(front.data.readUint32(0)).toBe(0x1234_5678);
    expect(store.held).toHaveLength(0);
    expect(front.responses()).toEqual([]);
  });

  it("gives up a ring whose indices are impossible, and can be connected again", () => {
    const bench = createDiskBench(createHeldStore(800));
    const front = bench.connect();
    front.ringMemory.writeUint32(SHARED_RING.reqProd, 33);
    bench.front.events.notify(front.port);
    bench.host.settle();
    expect(bench.violations).toHaveLength(1);
    expect(bench.driver.stats.violations).toBe(1);
    expect(bench.host.mappedGrants).toBe(0);
    bench.connect();
    expect(bench.host.mappedGrants).toBe(1);
  });

  it("holds nothing when the ring or the event channel cannot be had", () => {
    const bench = createDiskBench(createHeldStore(800));
    const front = bench.connect();
    bench.driver.disconnect();
    expect(bench.offer({ ...front.nodes, "ring-ref": "999" })).toContain("ring");
    expect(bench.offer({ ...front.nodes, "event-channel": "999" })).toContain("event channel");
    expect(bench.host.mappedGrants).toBe(0);
  });
});

describe("what a disk says of itself", () => {
  const store = createHeldStore(1234);

  it("publishes size and sector size when it connects", () => {
    const bench = createDiskBench(store);
    const front = bench.connect();
    bench.driver.disconnect();
    const channel = String(bench.front.events.allocateUnbound(bench.back.id));
    expect(bench.offer({ ...front.nodes, "event-channel": channel })).toMatchObject({
      sectors: "1234",
      "sector-size": "512",
      info: "0",
    });
  });

  it("offers barriers, flushes, indirect requests, persistent grants and multi-page rings; discard only where it is possible and wanted", () => {
    expect(createDiskBench(store).driver.features).toMatchObject({
      "feature-barrier": "1",
      "feature-flush-cache": "1",
      "feature-discard": "1",
      "feature-persistent": "1",
      "feature-max-indirect-segments": "256",
      "max-ring-page-order": "2",
    });
    expect(createDiskBench(store, { discard: false }).driver.features).toMatchObject({
      "feature-discard": "0",
    });
    expect(createDiskBench({ ...store, canDiscard: false }).driver.features["feature-discard"]).toBe("0");
    expect(createDiskBench(store, { readOnly: true }).driver.features["feature-discard"]).toBe("0");
  });
});
