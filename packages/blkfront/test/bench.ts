import { createFakeHost, type FakeDomain, type FakeHost } from "@xenolith/domain-interface/testing";
import { createStoreClient } from "@xenolith/xenbus";
import { createFakeStore, type FakeStore } from "@xenolith/xenbus/testing";
import { type Blkfront, type BlkfrontOptions, type BlkfrontState, createBlkfront } from "../src/index.ts";
import { createRingBackend, type RingBackend } from "../src/testing/index.ts";

export const FRONT = "/local/domain/5/device/vbd/51712";
export const BACK = "/local/domain/0/backend/vbd/5/51712";

/** A front end, and the other side in the hands of the test. */
export interface FrontBench {
  readonly host: FakeHost;
  readonly front: FakeDomain;
  readonly back: FakeDomain;
  readonly xenstore: FakeStore;
  readonly blkfront: Blkfront;
  /** States and sentences in the order in which they were told. */
  readonly changes: (readonly [BlkfrontState, string | null])[];
  /** Lets events and the store run until nothing is left. */
  settle(): void;
  /** Writes nodes of the back end, its state last. */
  publish(state: string, nodes?: Readonly<Record<string, string>>): void;
  /** Takes the ring that the front end has offered. */
  takeRing(): RingBackend;
}

export const PROPERTIES: Readonly<Record<string, string>> = {
  sectors: "1000",
  "sector-size": "512",
  info: "0",
  "feature-flush-cache": "1",
};

/** Makes a front end whose back end's directory exists, in the state Initialising. */
export const createFrontBench = (options: Partial<BlkfrontOptions> = {}): FrontBench => {
  const host = createFakeHost();
  const [back, front] = [host.domain(0), host.domain(5)];
  const xenstore = createFakeStore();
  const changes: [BlkfrontState, string | null][] = [];
  const settle = (): void => {
    for (let round = 0; round < 5; round++) {
      xenstore.settle();
      host.settle();
    }
  };
  for (const [name, value] of Object.entries({ backend: BACK, "backend-id": "0" }))
    xenstore.nodes.set(`${FRONT}/${name}`, value);
  xenstore.nodes.set(`${BACK}/state`, "1");
  const blkfront = createBlkfront({
    domain: front,
    store: createStoreClient(xenstore.connect("/local/domain/5")),
    device: 51712,
    onStateChange: (state, problem) => changes.push([state, problem]),
    ...options,
  });
  settle();
  return {
    host,
    front,
    back,
    xenstore,
    blkfront,
    changes,
    settle,
    publish: (state, nodes = {}) => {
      for (const [name, value] of Object.entries(nodes)) xenstore.nodes.set(`${BACK}/${name}`, value);
      xenstore.set(`${BACK}/state`, state);
      settle();
    },
    takeRing: () => {
      const names = ["ring-ref", "ring-page-order", "ring-ref0", "ring-ref1", "ring-ref2", "event-channel"];
      const nodes = Object.fromEntries(names.map((name) => [name, xenstore.nodes.get(`${FRONT}/${name}`)]));
      return createRingBackend({ domain: back, frontend: front.id, nodes });
    },
  };
};

/** A front end that is connected, and the ring's other end. */
export const createConnectedBench = (
  options: Partial<BlkfrontOptions> = {},
  properties: Readonly<Record<string, string>> = PROPERTIES,
): FrontBench & { readonly ring: RingBackend } => {
  const bench = createFrontBench(options);
  bench.publish("2", properties);
  const ring = bench.takeRing();
  bench.publish("4");
  return { ...bench, ring };
};
