import { createHostileTraffic, createRingFrontend } from "@xenolith/blkback/testing";
import { createBlkfront } from "@xenolith/blkfront";
import { createMemoryStore } from "@xenolith/block-stores";
import { createEntropy } from "@xenolith/machine";
import { toDomId } from "@xenolith/xen-abi";
import { describe, expect, it } from "vitest";
import { createBlockHost, perform, XVDA } from "./block-host.ts";

const SLOTS = 80_000;
const SECTORS = 1000;

describe("a hostile guest beside an honest one", () => {
  it(`breaks every rule of the block ring with ${SLOTS} slots, and the honest guest's disk stays as it was`, () => {
    const entropy = createEntropy(2003);
    const { host, backDomain, backStore, blkback, guest, writeDiskNodes, read } = createBlockHost();
    const hostile = guest(6);
    const honest = guest(7);
    for (const id of [6, 7]) {
      writeDiskNodes(id);
      const store = createMemoryStore({ sectorCount: SECTORS });
      blkback.attach({ frontendDomain: toDomId(id), frontendWidth: "x86_32p", device: XVDA, store });
    }
    const front = createBlkfront({ domain: honest.domain, store: honest.store, device: XVDA });
    host.settle();
    const mine = new Uint8Array(SECTORS * 512);
    const baseline = host.mappedGrants;
    const state = `device/vbd/${XVDA}/state`;
    const backState = `/local/domain/0/backend/vbd/6/${XVDA}/state`;

    let slots = 0;
    let disconnections = 0;
    let worstChargeNs = 0;
    while (slots < SLOTS) {
      hostile.store.write(state, "1");
      host.settle();
      expect(read(backState)).toBe("2");
      const width = entropy.below(2) === 0 ? "x86_32p" : "x86_64";
      const ring = createRingFrontend({
        domain: hostile.domain,
        backend: backDomain.id,
        width,
        ringPages: 2 ** entropy.below(3),
        persistent: entropy.below(2) === 0,
      });
      for (const name of ["ring-ref", "ring-page-order", "feature-persistent"])
        hostile.store.remove(`device/vbd/${XVDA}/${name}`);
      for (const [name, value] of Object.entries(ring.nodes))
        hostile.store.write(`device/vbd/${XVDA}/${name}`, value);
      hostile.store.write(state, "3");
      host.settle();
      expect(read(backState)).toBe("4");

      const traffic = createHostileTraffic({
        frontend: ring,
        domain: hostile.domain,
        entropy: entropy.fork(`ring ${slots}`),
        sectorCount: SECTORS,
      });
      let broken = false;
      while (!broken && slots + traffic.slots < SLOTS) {
        const chargedBefore = backDomain.chargedNs;
        broken = traffic.step() === "indices";
        host.settle();
        worstChargeNs = Math.max(worstChargeNs, backDomain.chargedNs - chargedBefore);
        // Now and then it does not take its responses, so that its ring is full of them.
        if (entropy.below(4) > 0) ring.responses();
        if (entropy.below(200) === 0) {
          const sector512 = entropy.below(SECTORS - 8);
          const from = new Uint8Array(8 * 512).fill(entropy.below(256));
          mine.set(from, sector512 * 512);
          expect(perform(host, front, { kind: "write", sector512, from })).toBe("ok");
        }
      }
      slots += traffic.slots;
      if (broken) {
        disconnections++;
        expect(read(backState)).toBe("5");
        expect(read(`/local/domain/0/error/backend/vbd/6/${XVDA}/error`)).toContain("indices");
      }
      hostile.store.write(state, "6");
      host.settle();
      expect(read(backState)).toBe("6");
      expect(ring.close()).toEqual([]);
      expect(host.mappedGrants).toBe(baseline);
    }
    expect(disconnections).toBeGreaterThan(20);
    // No more is done for an event than a ring holds.
    expect(worstChargeNs).toBeLessThan(128 * 15_000);

    const found = new Uint8Array(mine.length);
    expect(perform(host, front, { kind: "read", sector512: 0, into: found })).toBe("ok");
    expect(Buffer.compare(found, mine)).toBe(0);
    expect(backStore.closed).toBe(false);
  });
});
