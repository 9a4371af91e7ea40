import { createBlkback } from "@xenolith/blkback";
import { createRingFrontend } from "@xenolith/blkback/testing";
import { createBlkfront } from "@xenolith/blkfront";
import { createMemoryStore } from "@xenolith/block-stores";
import { toNanoseconds } from "@xenolith/machine-interface";
import { toDomId } from "@xenolith/xen-abi";
import { SHARED_RING } from "@xenolith/xen-abi/io/ring";
import type { StoreClient } from "@xenolith/xenbus";
import { describe, expect, it } from "vitest";
import { createBlockHost, XVDA } from "./block-host.ts";

const BACK_STATE = `/local/domain/0/backend/vbd/5/${XVDA}/state`;

/** A guest that has offered a ring by hand to a disk that is attached. */
const offerRing = (scene: ReturnType<typeof createBlockHost>, corrupt: boolean): void => {
  const { domain, store } = scene.guest(5);
  scene.writeDiskNodes(5);
  const ring = createRingFrontend({ domain, backend: scene.backDomain.id });
  if (corrupt) ring.ringMemory.writeUint32(SHARED_RING.reqProd, 0x8000_0000);
  for (const [name, value] of Object.entries(ring.nodes)) store.write(`device/vbd/${XVDA}/${name}`, value);
  store.write(`device/vbd/${XVDA}/state`, "3");
};
const attachment = { frontendDomain: toDomId(5), frontendWidth: "x86_64", device: XVDA } as const;

describe("handshakes at bad moments", () => {
  it("a ring that was broken before it was connected ends in Closing, with nothing mapped", () => {
    const scene = createBlockHost();
    scene.blkback.attach({ ...attachment, store: createMemoryStore({ sectorCount: 10 }) });
    offerRing(scene, true);
    scene.host.settle();
    expect(scene.read(BACK_STATE)).toBe("5");
    expect(scene.host.mappedGrants).toBe(0);
  });

  it("a disk that is taken away while its front end is being connected maps nothing afterwards", () => {
    const scene = createBlockHost();
    const { host, backDomain, backStore } = scene;
    const lateStore: StoreClient = {
      ...backStore,
      closed: false,
      read: (path, done) =>
        backStore.read(path, (result) =>
          backDomain.timers.at(toNanoseconds(backDomain.timers.now() + 1000), () => done(result)),
        ),
    };
    const late = createBlkback({ domain: backDomain, store: lateStore });
    const device = late.attach({ ...attachment, store: createMemoryStore({ sectorCount: 10 }) });
    offerRing(scene, false);
    host.advance(1500);
    expect(device.connected).toBe(false);
    device.detach();
    host.advance(1_000_000);
    expect(scene.read(BACK_STATE)).toBe("6");
    expect(host.mappedGrants).toBe(0);
  });

  it("a front end without a back end is closed, and what was asked of it fails", () => {
    const { host, guest } = createBlockHost();
    const { domain, store } = guest(5);
    const problems: (string | null)[] = [];
    const front = createBlkfront({
      domain,
      store,
      device: XVDA,
      onStateChange: (_state, problem) => problems.push(problem),
    });
    const answers: string[] = [];
    front.submit({ kind: "flush" }, (status) => answers.push(status));
    host.settle();
    expect(front.state).toBe("closed");
    expect(problems).toEqual(["no back end in xenstore"]);
    expect(answers).toEqual(["io-error"]);
  });
});
