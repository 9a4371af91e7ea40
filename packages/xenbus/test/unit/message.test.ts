import { createStreamPair } from "@xenolith/backend-interface";
import { XENSTORE_PAYLOAD_MAX } from "@xenolith/xen-abi/io/xs-wire";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createMessageReader, decodeStrings, encodeMessage, splitFirstString } from "../../src/wire/index.ts";

const message = fc.record({
  type: fc.nat(0xffff_ffff),
  requestId: fc.nat(0xffff_ffff),
  transactionId: fc.nat(0xffff_ffff),
  payload: fc.uint8Array({ maxLength: XENSTORE_PAYLOAD_MAX }),
});

describe("the message reader", () => {
  it("gives back what was sent, however it is cut into pieces", () => {
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 500 })),
        (sent, cuts) => {
          const [near, far] = createStreamPair(1 << 20);
          const reader = createMessageReader();
          const bytes = Uint8Array.from(sent.flatMap((next) => [...encodeMessage(next)]));
          const received = [];
          for (let at = 0, turn = 0; at < bytes.length; turn++) {
            const length = cuts[turn % Math.max(1, cuts.length)] ?? bytes.length;
            at += near.write(bytes.subarray(at, at + length));
            for (let next = reader.next(far); next !== null; next = reader.next(far)) received.push(next);
          }
          expect(received).toEqual(sent);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("stops at a payload longer than the protocol allows, until it is reset", () => {
    const [near, far] = createStreamPair();
    const reader = createMessageReader();
    near.write(Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 16, 0, 0));
    expect(reader.next(far)).toBeNull();
    expect(reader.violated).toBe(true);
    const good = { type: 2, requestId: 3, transactionId: 0, payload: new Uint8Array(0) };
    near.write(encodeMessage(good));
    expect(reader.next(far)).toBeNull();
    reader.reset();
    expect(reader.next(far)).toEqual(good);
  });
});

describe("payloads", () => {
  it("are strings that end in a zero byte, and what follows the last is none", () => {
    const bytes = new TextEncoder().encode("one\0\0three\0rest");
    expect(decodeStrings(bytes)).toEqual(["one", "", "three"]);
    expect(splitFirstString(bytes)).toEqual({ text: "one", rest: bytes.subarray(4) });
    expect(splitFirstString(new TextEncoder().encode("no end"))).toBeNull();
  });
});
