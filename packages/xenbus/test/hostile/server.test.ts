import { createStreamPair } from "@xenolith/backend-interface";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createStoreClient } from "../../src/index.ts";
import { encodeMessage } from "../../src/wire/index.ts";

const reply = fc.record({
  type: fc.oneof(fc.nat(23), fc.nat(0xffff_ffff)),
  requestId: fc.nat(6),
  transactionId: fc.nat(3),
  payload: fc.uint8Array({ maxLength: 40 }),
});
const bytes = fc.oneof(
  { weight: 5, arbitrary: reply.map(encodeMessage) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 40 }) },
);

describe("a store that answers nonsense", () => {
  it("makes nothing throw, and every request is answered exactly once when the connection ends", () => {
    fc.assert(
      fc.property(fc.array(bytes, { maxLength: 20 }), (pieces) => {
        const [near, far] = createStreamPair();
        const client = createStoreClient(near);
        let answers = 0;
        const count = (): void => {
          answers++;
        };
        client.read("/a", count);
        client.list("/a", count);
        client.transaction((nodes, end) => nodes.write("/a", "1", () => end(true)), count);
        client.watch("/a", () => {});
        for (const piece of pieces) far.write(piece);
        client.close();
        expect(answers).toBe(3);
      }),
      { numRuns: 500 },
    );
  });
});
