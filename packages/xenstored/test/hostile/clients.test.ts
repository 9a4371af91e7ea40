import {
  XENSTORE_DOMAIN_INTERFACE,
  XS_READ,
  XS_SET_PERMS,
  XS_TYPE_COUNT,
  XS_WRITE,
} from "@xenolith/xen-abi/io/xs-wire";
import { encodeMessage } from "@xenolith/xenbus/wire";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createTestDaemon, type TestDaemon } from "../daemon.ts";

/** A daemon with a hostile domain 5, which owns a directory, and a witness in the control domain. */
const createScene = () => {
  const daemon = createTestDaemon();
  const witness = daemon.client(0);
  witness.ask(XS_WRITE, "/local/domain/5/data|x");
  witness.ask(XS_SET_PERMS, "/local/domain/5/data|n5|");
  witness.ask(XS_WRITE, "/precious|untouched");
  return { daemon, witness, hostile: daemon.ringClient(5) };
};

const expectUnharmed = ({
  daemon,
  witness,
}: {
  daemon: TestDaemon;
  witness: ReturnType<TestDaemon["client"]>;
}) => {
  expect(witness.ask(XS_READ, "/precious|")).toBe("untouched");
  expect(daemon.store.check()).toBeNull();
  expect(daemon.host.mappedGrants).toBeLessThanOrEqual(1);
};

const indices = Object.entries(XENSTORE_DOMAIN_INTERFACE)
  .filter(([name]) => !["req", "rsp", "sizeBytes"].includes(name))
  .map(([, offset]) => offset);

const scribble = fc.record({
  at: fc.oneof(fc.nat(2047), fc.constantFrom(...indices)),
  value: fc.oneof(fc.nat(0xffff_ffff), fc.nat(2048), fc.constantFrom(0, 1, 1024, 1025, 0xffff_fc00)),
});

const text = fc.string({ unit: "binary-ascii", maxLength: 40 });
const plausible = fc
  .array(
    fc.oneof(
      text,
      fc.constantFrom(
        "/",
        "data",
        "data/a",
        "/local/domain/5/data/b",
        "@releaseDomain",
        "T",
        "F",
        "0",
        "5",
        "n5",
        "r0",
        "/precious",
      ),
    ),
    { maxLength: 5 },
  )
  .map((parts) => parts.map((part) => `${part}\0`).join(""));
const message = fc.record({
  type: fc.oneof(
    { weight: 9, arbitrary: fc.nat(XS_TYPE_COUNT) },
    { weight: 1, arbitrary: fc.nat(0xffff_ffff) },
  ),
  requestId: fc.nat(0xffff_ffff),
  transactionId: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.nat(12)),
  payload: fc
    .oneof({ weight: 4, arbitrary: plausible }, text)
    .map((content) => new TextEncoder().encode(content)),
});

describe("a hostile domain", () => {
  it("writes anything anywhere in its page: nothing throws and nobody else notices", () => {
    fc.assert(
      fc.property(fc.array(scribble, { minLength: 1, maxLength: 60 }), (writes) => {
        const scene = createScene();
        for (const { at, value } of writes) {
          scene.hostile.page.writeUint32(at & ~3, value >>> 0);
          scene.hostile.notify();
          scene.daemon.host.settle();
        }
        expectUnharmed(scene);
      }),
      { numRuns: 80 },
    );
  });

  it("sends any bytes: nothing throws and nobody else notices", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 600 }), { maxLength: 10 }), (pieces) => {
        const scene = createScene();
        for (const piece of pieces) {
          scene.hostile.stream.write(piece);
          scene.daemon.host.settle();
        }
        expectUnharmed(scene);
      }),
      { numRuns: 80 },
    );
  });

  it("sends requests that are almost right, and reads its answers or does not", () => {
    fc.assert(
      fc.property(fc.array(message, { minLength: 50, maxLength: 200 }), fc.boolean(), (messages, reads) => {
        const scene = createScene();
        for (const next of messages) {
          let bytes = encodeMessage(next);
          for (let round = 0; bytes.length > 0 && round < 10; round++) {
            bytes = bytes.subarray(scene.hostile.stream.write(bytes));
            scene.daemon.host.settle();
            if (reads) scene.hostile.pump();
          }
          if (bytes.length > 0) break;
        }
        expectUnharmed(scene);
      }),
      { numRuns: 50 },
    );
  });

  it("that reads no answers is not served without end: its requests wait in its own page", () => {
    const { daemon, hostile } = createScene();
    const request = encodeMessage({
      type: XS_READ,
      requestId: 1,
      transactionId: 0,
      payload: new TextEncoder().encode("data\0"),
    });
    const before = daemon.store.stats.requests;
    let accepted = 0;
    for (let round = 0; round < 1000; round++) {
      const room = 1024 - (accepted % 1024);
      const taken = hostile.stream.write(request.subarray(0, Math.min(request.length, room)));
      accepted += taken;
      daemon.host.settle();
      if (taken === 0) break;
    }
    // What fits into the reply ring, and as many answers as may wait.
    expect(daemon.store.stats.requests - before).toBeLessThan(1024 / 17 + 21);
  });
});
