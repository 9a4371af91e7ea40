import type { BlockStore } from "@xenolith/backend-interface";
import { BLOCK_STORE_LAWS } from "@xenolith/backend-interface/testing";
import { type Blkfront, type BlkfrontOptions, createBlkfront } from "@xenolith/blkfront";
import { createMemoryStore } from "@xenolith/block-stores";
import { createEntropy } from "@xenolith/machine";
import { toDomId } from "@xenolith/xen-abi";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type BlockHost, createBlockHost, perform, XVDA } from "./block-host.ts";
import { createSlowStore } from "./slow-store.ts";

/** The matcher of the test library compares byte by byte, which takes long for disks. */
const expectSameBytes = (actual: Uint8Array, expected: Uint8Array): void =>
  expect(Buffer.compare(actual, expected)).toBe(0);

/** A guest with a disk over a store. */
const connect = (
  blockHost: BlockHost,
  id: number,
  makeStore: () => BlockStore,
  options: Partial<BlkfrontOptions> = {},
): Blkfront => {
  const { domain, store } = blockHost.guest(id);
  blockHost.writeDiskNodes(id);
  blockHost.blkback.attach({
    frontendDomain: toDomId(id),
    frontendWidth: "x86_64",
    device: XVDA,
    store: makeStore(),
  });
  const front = createBlkfront({ domain, store, device: XVDA, ...options });
  blockHost.host.settle();
  return front;
};

describe("blkfront against blkback", () => {
  it.each(BLOCK_STORE_LAWS)("is a block store: $name", ({ check }) => {
    const blockHost = createBlockHost();
    const front = connect(blockHost, 3, () => createMemoryStore({ sectorCount: 100 }));
    check({ store: front, settle: () => blockHost.host.settle() });
    expect(front.state).toBe("connected");
  });

  it("keeps every byte under random requests, many at a time, over a disk that answers out of order", () => {
    const SECTORS = 600;
    const request = fc.record({
      kind: fc.constantFrom("read", "write", "write", "flush", "discard"),
      sector512: fc.nat(SECTORS - 1),
      sectorCount: fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 80, max: 200 })),
      fill: fc.nat(255),
    });
    fc.assert(
      fc.property(
        fc.array(fc.array(request, { minLength: 1, maxLength: 12 }), { maxLength: 8 }),
        fc.constantFrom(2, 16, 64),
        fc.constantFrom(0, 1),
        fc.nat(),
        (rounds, dataPages, ringPageOrder, seed) => {
          const blockHost = createBlockHost({ requestsInFlight: 5 });
          const entropy = createEntropy(seed);
          const disk = createMemoryStore({ sectorCount: SECTORS });
          const slow = createSlowStore(disk, blockHost.backDomain.timers, () => entropy.below(1_000_000));
          const front = connect(blockHost, 3, () => slow, { dataPages, ringPageOrder });
          const expected = new Uint8Array(SECTORS * 512);

          for (const round of rounds) {
            // Requests of a round are under way together, so they must not meet on the disk: each sector is used once.
            const used = new Set<number>();
            let asked = 0;
            let answered = 0;
            const after: (() => void)[] = [];
            for (const { kind, sector512, sectorCount, fill } of round) {
              const count = Math.min(sectorCount, SECTORS - sector512);
              const sectors = Array.from({ length: count }, (_unused, index) => sector512 + index);
              const meets = sectors.some((sector) => used.has(sector));
              if (kind !== "flush" && meets) continue;
              asked++;
              const done = (status: string): void => {
                expect(status).toBe("ok");
                answered++;
              };
              if (kind === "flush") {
                front.submit({ kind }, done);
                continue;
              }
              for (const sector of sectors) used.add(sector);
              const range = expected.subarray(sector512 * 512, (sector512 + count) * 512);
              if (kind === "read") {
                const into = new Uint8Array(count * 512).fill(0xee);
                front.submit({ kind, sector512, into }, done);
                const wanted = range.slice();
                after.push(() => expectSameBytes(into, wanted));
              } else if (kind === "write") {
                const from = range.slice().fill(fill);
                for (let at = 0; at < from.length; at += 64) from[at] = at + sector512;
                range.set(from);
                front.submit({ kind, sector512, from }, done);
              } else {
                range.fill(0);
                front.submit({ kind: "discard", sector512, sectorCount: count }, done);
              }
            }
            blockHost.host.advance(1_000_000_000);
            expect(answered).toBe(asked);
            for (const check of after) check();
          }
          const all = new Uint8Array(SECTORS * 512);
          disk.submit({ kind: "read", sector512: 0, into: all }, () => {});
          expectSameBytes(all, expected);
          expect(blockHost.host.mappedGrants).toBe(2 ** ringPageOrder);
        },
      ),
      { numRuns: 40 },
    );
  });

  it("connects again after the front end went away in the middle of its work", () => {
    const blockHost = createBlockHost();
    const { host, backDomain } = blockHost;
    const disk = createMemoryStore({ sectorCount: 1000 });
    const front = connect(blockHost, 3, () => createSlowStore(disk, backDomain.timers, () => 1_000_000));
    for (let time = 0; time < 5; time++) {
      const from = new Uint8Array(512).fill(time + 1);
      const answers: string[] = [];
      for (let index = 0; index < 40; index++)
        front.submit({ kind: "write", sector512: index * 20, from }, (status) => answers.push(status));
      host.settle();
      front.reconnect();
      expect(answers).toEqual(Array(40).fill("io-error"));
      host.advance(1_000_000_000);
      expect(front.state).toBe("connected");
      expect(perform(host, front, { kind: "write", sector512: 999, from })).toBe("ok");
      const into = new Uint8Array(512);
      expect(perform(host, front, { kind: "read", sector512: 999, into })).toBe("ok");
      expect(into).toEqual(from);
      expect(host.mappedGrants).toBe(1);
    }
  });

  it("tells the front end when the toolstack takes the disk away", () => {
    const blockHost = createBlockHost();
    const { host, blkback, guest, writeDiskNodes, read } = blockHost;
    const { domain, store } = guest(3);
    writeDiskNodes(3);
    const disk = createMemoryStore({ sectorCount: 10 });
    const device = blkback.attach({
      frontendDomain: toDomId(3),
      frontendWidth: "x86_64",
      device: XVDA,
      store: disk,
    });
    const front = createBlkfront({ domain, store, device: XVDA });
    host.settle();
    expect(front.state).toBe("connected");
    device.detach();
    host.settle();
    expect(front.state).toBe("closed");
    expect(read(`/local/domain/0/backend/vbd/3/${XVDA}/state`)).toBe("6");
    host.advance(10_000_000_000);
    expect(host.mappedGrants).toBe(0);
  });

  it("serves a quiet guest between the requests of a busy one", () => {
    const blockHost = createBlockHost({ requestsInFlight: 4 });
    const order: string[] = [];
    const makeStore = (name: string) => (): BlockStore => {
      const store = createMemoryStore({ sectorCount: 1000 });
      const slow = createSlowStore(store, blockHost.backDomain.timers, () => 1000);
      return {
        ...slow,
        submit: (request, done) => {
          order.push(name);
          slow.submit(request, done);
        },
      };
    };
    const busy = connect(blockHost, 3, makeStore("busy"));
    const quiet = connect(blockHost, 4, makeStore("quiet"));
    for (let index = 0; index < 100; index++)
      busy.submit({ kind: "read", sector512: index, into: new Uint8Array(512) }, () => {});
    quiet.submit({ kind: "read", sector512: 0, into: new Uint8Array(512) }, () => {});
    blockHost.host.advance(1_000_000);
    expect(order.filter((name) => name === "busy")).toHaveLength(100);
    expect(order.indexOf("quiet")).toBeLessThan(10);
  });
});
