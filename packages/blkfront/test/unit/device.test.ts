import type { BlockStatus } from "@xenolith/backend-interface";
import {
  BLKIF_OP_DISCARD,
  BLKIF_OP_FLUSH_DISKCACHE,
  BLKIF_OP_READ,
  BLKIF_OP_WRITE,
  BLKIF_OP_WRITE_BARRIER,
  BLKIF_RSP_EOPNOTSUPP,
  BLKIF_RSP_ERROR,
} from "@xenolith/xen-abi/io/blkif";
import { describe, expect, it } from "vitest";
import type { Blkfront } from "../../src/index.ts";
import { createConnectedBench, createFrontBench, FRONT, PROPERTIES } from "../bench.ts";

const submit = (store: Blkfront, request: Parameters<Blkfront["submit"]>[0]): BlockStatus[] => {
  const answers: BlockStatus[] = [];
  store.submit(request, (status) => answers.push(status));
  return answers;
};

describe("the handshake", () => {
  it("offers a ring when the back end waits for one, and works when it is connected", () => {
    const bench = createFrontBench();
    expect(bench.xenstore.nodes.get(`${FRONT}/state`)).toBe("1");
    bench.publish("2", PROPERTIES);
    expect(bench.xenstore.nodes.get(`${FRONT}/state`)).toBe("3");
    expect(bench.xenstore.nodes.get(`${FRONT}/protocol`)).toBe("x86_64-abi");
    expect(bench.blkfront).toMatchObject({ state: "connecting", sectorCount: 0 });
    bench.publish("4");
    expect(bench.xenstore.nodes.get(`${FRONT}/state`)).toBe("4");
    expect(bench.blkfront).toMatchObject({ state: "connected", sectorCount: 1000, readOnly: false });
    expect(bench.changes).toEqual([["connected", null]]);
  });

  it("uses as many ring pages as it may and wants", () => {
    const pagesOf = (wanted: number, allowed: Record<string, string>): number => {
      const bench = createFrontBench({ ringPageOrder: wanted });
      bench.publish("2", allowed);
      return bench.takeRing().ringMemory.lengthBytes / 4096;
    };
    expect(pagesOf(1, { "max-ring-page-order": "2" })).toBe(2);
    expect(pagesOf(1, { "max-ring-page-order": "0" })).toBe(1);
    expect(pagesOf(1, {})).toBe(1);
    expect(pagesOf(1, { "max-ring-page-order": "lots" })).toBe(1);
  });

  it.each([
    ["no size", { sectors: "many" }],
    ["a size that no disk has", { sectors: "9007199254740991" }],
    ["large sectors", { "sector-size": "4096" }],
    ["flags that are none", { info: "x" }],
  ])("closes, with a sentence, when the back end publishes %s", (_what, nodes) => {
    const bench = createFrontBench();
    bench.publish("2", { ...PROPERTIES, ...nodes });
    bench.publish("4");
    expect(bench.changes).toEqual([["closed", expect.stringMatching(/sector|info/)]]);
    expect(bench.xenstore.nodes.get(`${FRONT}/state`)).toBe("6");
  });
});

describe("a connected front end", () => {
  it("turns a read into a request over granted pages", () => {
    const { blkfront, ring, settle } = createConnectedBench();
    const into = new Uint8Array(9 * 512);
    const answers = submit(blkfront, { kind: "read", sector512: 70, into });
    const [request, ...others] = ring.requests();
    expect(others).toEqual([]);
    if (request === undefined) throw new Error("no request");
    expect(request).toMatchObject({ operation: BLKIF_OP_READ, nrSegments: 2, sectorNumber: 70 });
    expect(request.seg[0]).toMatchObject({ firstSect: 0, lastSect: 7 });
    expect(request.seg[1]).toMatchObject({ firstSect: 0, lastSect: 0 });
    const data = Uint8Array.from({ length: 9 * 512 }, (_unused, index) => index % 253);
    expect(ring.copy(request, data, "to-grant")).toEqual([0, 0]);
    ring.respond({ id: request.id, operation: BLKIF_OP_READ, status: 0 });
    settle();
    expect(answers).toEqual(["ok"]);
    expect(into).toEqual(data);
  });

  it("splits what is larger than eleven pages, and gives one answer, the first failure", () => {
    const { blkfront, ring, settle } = createConnectedBench();
    const from = Uint8Array.from({ length: 25 * 4096 }, (_unused, index) => index % 249);
    const answers = submit(blkfront, { kind: "write", sector512: 0, from });
    const requests = ring.requests();
    expect(requests.map(({ nrSegments, sectorNumber }) => [nrSegments, sectorNumber])).toEqual([
      [11, 0],
      [11, 88],
      [3, 176],
    ]);
    const seen = new Uint8Array(from.length);
    for (const request of requests)
      ring.copy(request, seen.subarray(request.sectorNumber * 512), "from-grant");
    expect(seen).toEqual(from);
    for (const [index, { id }] of requests.entries()) {
      expect(answers).toEqual([]);
      ring.respond({ id, operation: BLKIF_OP_WRITE, status: index === 1 ? BLKIF_RSP_ERROR : 0 });
      settle();
    }
    expect(answers).toEqual(["io-error"]);
  });

  it("waits for data pages when there are too few, and sends the rest when some are free", () => {
    const { blkfront, ring, settle } = createConnectedBench({ dataPages: 3 });
    const answers = submit(blkfront, { kind: "read", sector512: 0, into: new Uint8Array(8 * 4096) });
    const flush = submit(blkfront, { kind: "flush" });
    const sizes: number[] = [];
    for (let round = 0; round < 10; round++) {
      const requests = ring.requests();
      for (const { id, operation, nrSegments } of requests) {
        if (operation === BLKIF_OP_READ) sizes.push(nrSegments);
        ring.respond({ id, operation, status: 0 });
      }
      settle();
    }
    expect(sizes).toEqual([3, 3, 2]);
    expect([answers, flush]).toEqual([["ok"], ["ok"]]);
    expect(blkfront.stats.stalls).toBeGreaterThan(0);
  });

  it("flushes by the means that the back end offers, or not at all", () => {
    const operationOf = (features: Record<string, string>): number | BlockStatus | undefined => {
      const base = { sectors: "1000", "sector-size": "512" };
      const { blkfront, ring } = createConnectedBench({}, { ...base, ...features });
      const answers = submit(blkfront, { kind: "flush" });
      return answers[0] ?? ring.requests()[0]?.operation;
    };
    expect(operationOf({ "feature-flush-cache": "1", "feature-barrier": "1" })).toBe(
      BLKIF_OP_FLUSH_DISKCACHE,
    );
    expect(operationOf({ "feature-barrier": "1" })).toBe(BLKIF_OP_WRITE_BARRIER);
    expect(operationOf({})).toBe("unsupported");
  });

  it("discards where that is offered", () => {
    const { blkfront, ring } = createConnectedBench({}, { ...PROPERTIES, "feature-discard": "1" });
    expect(blkfront.canDiscard).toBe(true);
    submit(blkfront, { kind: "discard", sector512: 3, sectorCount: 9 });
    expect(ring.requests()[0]).toMatchObject({ operation: BLKIF_OP_DISCARD, sectorNumber: 3 });
  });

  it("answers by itself what cannot be asked: ranges beyond the end, writes to a read-only disk, nothing", () => {
    const readOnly = createConnectedBench({}, { ...PROPERTIES, info: "4" });
    const from = new Uint8Array(1024);
    expect(readOnly.blkfront.readOnly).toBe(true);
    expect(submit(readOnly.blkfront, { kind: "write", sector512: 0, from })).toEqual(["io-error"]);
    const { blkfront, ring } = createConnectedBench();
    expect(submit(blkfront, { kind: "write", sector512: 999, from })).toEqual(["io-error"]);
    expect(submit(blkfront, { kind: "discard", sector512: 0, sectorCount: 1 })).toEqual(["unsupported"]);
    expect(submit(blkfront, { kind: "read", sector512: 0, into: new Uint8Array(0) })).toEqual(["ok"]);
    expect(ring.requests()).toEqual([]);
  });

  it("passes on that something is not supported", () => {
    const { blkfront, ring, settle } = createConnectedBench();
    const answers = submit(blkfront, { kind: "flush" });
    const id = ring.requests()[0]?.id ?? { low: 9, high: 9 };
    ring.respond({ id, operation: BLKIF_OP_FLUSH_DISKCACHE, status: BLKIF_RSP_EOPNOTSUPP });
    settle();
    expect(answers).toEqual(["unsupported"]);
  });
});

describe("ends", () => {
  it("fails what is under way and what waits when the back end closes; grants are withdrawn when unused", () => {
    const { blkfront, ring, host, front, publish, changes } = createConnectedBench({ dataPages: 1 });
    const first = submit(blkfront, { kind: "read", sector512: 0, into: new Uint8Array(512) });
    const second = submit(blkfront, { kind: "read", sector512: 1, into: new Uint8Array(512) });
    const [request] = ring.requests();
    publish("5");
    expect([first, second]).toEqual([["io-error"], ["io-error"]]);
    expect(changes.at(-1)).toEqual(["closed", null]);
    expect(submit(blkfront, { kind: "flush" })).toEqual(["io-error"]);
    // The ring is still mapped at the other end: its grant stays until it is not.
    const gref = request?.seg[0]?.gref;
    if (gref === undefined) throw new Error("no reference");
    const copy = { domain: front.id, reference: gref, offset: 0, direction: "from-grant" as const };
    expect(host.domain(0).grants.copy([{ ...copy, buffer: new Uint8Array(512) }])).not.toEqual([0]);
    expect(host.mappedGrants).toBe(1);
    ring.close();
    host.advance(10_000_000_000);
    expect(host.mappedGrants).toBe(0);
  });

  it("serves what was asked before it was connected", () => {
    const bench = createFrontBench();
    const answers = submit(bench.blkfront, { kind: "flush" });
    bench.publish("2", PROPERTIES);
    const ring = bench.takeRing();
    expect(ring.requests()).toEqual([]);
    bench.publish("4");
    const [request] = ring.requests();
    if (request === undefined) throw new Error("no request");
    ring.respond({ id: request.id, operation: request.operation, status: 0 });
    bench.settle();
    expect(answers).toEqual(["ok"]);
  });

  it("closes after what is under way is done and durable", async () => {
    const { blkfront, ring, settle, xenstore } = createConnectedBench();
    const answers = submit(blkfront, { kind: "write", sector512: 0, from: new Uint8Array(512) });
    let closed = false;
    const closing = blkfront.close().then(() => {
      closed = true;
    });
    expect(submit(blkfront, { kind: "flush" })).toEqual(["io-error"]);
    for (const operation of [BLKIF_OP_WRITE, BLKIF_OP_FLUSH_DISKCACHE]) {
      expect(closed).toBe(false);
      const [request] = ring.requests();
      expect(request?.operation).toBe(operation);
      if (request !== undefined) ring.respond({ id: request.id, operation, status: 0 });
      settle();
      expect(answers).toEqual(["ok"]);
    }
    await closing;
    settle();
    expect(xenstore.nodes.get(`${FRONT}/state`)).toBe("6");
  });

  it("connects again when it is told to", () => {
    const bench = createConnectedBench();
    const answers = submit(bench.blkfront, { kind: "flush" });
    bench.ring.close();
    bench.blkfront.reconnect();
    bench.settle();
    expect(answers).toEqual(["io-error"]);
    expect(bench.xenstore.nodes.get(`${FRONT}/state`)).toBe("1");
    bench.publish("2");
    const ring = bench.takeRing();
    bench.publish("4");
    expect(bench.blkfront.state).toBe("connected");
    submit(bench.blkfront, { kind: "flush" });
    expect(ring.requests()).toHaveLength(1);
  });
});
