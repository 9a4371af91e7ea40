import { BLKIF_OP_READ, BLKIF_OP_WRITE } from "@xenolith/xen-abi/io/blkif";
import { SHARED_RING } from "@xenolith/xen-abi/io/ring";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createConnectedBench } from "../bench.ts";

describe("a back end that lies", () => {
  it.each([
    ["about the number of a request", { id: { low: 7, high: 0 }, operation: BLKIF_OP_READ, status: 0 }],
    ["about the upper half of it", { id: { low: 31, high: 1 }, operation: BLKIF_OP_READ, status: 0 }],
    ["about the operation", { id: { low: 31, high: 0 }, operation: BLKIF_OP_WRITE, status: 0 }],
  ])("%s is left, and every request fails once", (_what, response) => {
    const { blkfront, ring, settle, changes } = createConnectedBench();
    const answers: string[] = [];
    for (let index = 0; index < 3; index++)
      blkfront.submit({ kind: "read", sector512: 0, into: new Uint8Array(512) }, (status) =>
        answers.push(status),
      );
    expect(ring.requests().map(({ id }) => id.low)).toContain(31);
    ring.respond(response);
    settle();
    expect(answers).toEqual(["io-error", "io-error", "io-error"]);
    expect(changes.at(-1)).toEqual(["closed", expect.stringContaining("response")]);
  });

  it("by answering twice is left, and the second answer changes nothing", () => {
    const { blkfront, ring, settle, changes } = createConnectedBench();
    const into = new Uint8Array(512);
    const answers: string[] = [];
    blkfront.submit({ kind: "read", sector512: 0, into }, (status) => answers.push(status));
    blkfront.submit({ kind: "flush" }, (status) => answers.push(status));
    const [request] = ring.requests();
    if (request === undefined) throw new Error("no request");
    ring.respond({ id: request.id, operation: request.operation, status: 0 });
    ring.respond({ id: request.id, operation: request.operation, status: 0 });
    settle();
    expect(answers).toEqual(["ok", "io-error"]);
    expect(changes.at(-1)?.[0]).toBe("closed");
  });

  it("in any word of the ring at any time makes nothing throw, and each request has one answer", () => {
    const lie = fc.record({
      at: fc.oneof(
        fc.constantFrom(SHARED_RING.rspProd, SHARED_RING.reqEvent),
        fc.nat(1023).map((word) => word * 4),
      ),
      value: fc.oneof(fc.nat(40), fc.nat(0xffff_ffff)),
      answer: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(lie, { maxLength: 20 }), (lies) => {
        const { blkfront, ring, settle, host } = createConnectedBench({ dataPages: 4 });
        let asked = 0;
        let answered = 0;
        for (const { at, value, answer } of lies) {
          asked++;
          blkfront.submit({ kind: "read", sector512: asked, into: new Uint8Array(1024) }, () => answered++);
          if (answer)
            for (const { id, operation } of ring.requests()) ring.respond({ id, operation, status: 0 });
          ring.ringMemory.writeUint32(at, value);
          host.domain(0).events.notify(ring.port);
          settle();
        }
        blkfront.reconnect();
        expect(answered).toBe(asked);
      }),
      { numRuns: 300 },
    );
  });
});
