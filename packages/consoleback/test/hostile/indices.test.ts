import { createStreamPair } from "@xenolith/backend-interface";
import { createFakeHost } from "@xenolith/domain-interface/testing";
import { XENCONS_INTERFACE } from "@xenolith/xen-abi/io/console";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createConsoleBackend } from "../../src/index.ts";
import { createGuestConsole } from "../guest-console.ts";

const { inCons, inProd, outCons, outProd } = XENCONS_INTERFACE;

describe("console back end against a hostile guest", () => {
  it("survives any indices and bytes, with bounded work, and leaks nothing", () => {
    const move = fc.tuple(
      fc.constantFrom(inCons, inProd, outCons, outProd),
      fc.oneof(fc.nat(5000), fc.nat(0xffff_ffff)),
    );
    fc.assert(
      fc.property(fc.array(move, { maxLength: 20 }), fc.boolean(), (moves, hasTerminal) => {
        const host = createFakeHost();
        const front = createGuestConsole(host, 9);
        const backend = createConsoleBackend({
          domain: host.domain(0),
          guest: front.guest.id,
          reference: front.reference,
          port: front.port,
        });
        if (typeof backend === "number") throw new Error("refused");
        const [inner, outer] = createStreamPair();
        if (hasTerminal) backend.attach(inner);
        for (const [at, value] of moves) {
          front.page.writeUint32(at, value);
          front.guest.events.notify(front.port);
          outer.write(new Uint8Array(100));
          host.advance(2_000_000);
        }
        expect(backend.tail(1 << 20).length).toBeLessThanOrEqual(65_536);
        backend.close();
        expect(host.mappedGrants).toBe(0);
      }),
      { numRuns: 300 },
    );
  });
});
