import type { BlockRequest, BlockStatus, BlockStore } from "@xenolith/backend-interface";
import { createFakeHost, type FakeDomain, type FakeHost } from "@xenolith/domain-interface/testing";
import { createTurns } from "@xenolith/io-ring";
import { silentTrace } from "@xenolith/trace";
import { toDomId } from "@xenolith/xen-abi";
import { DEFAULT_LIMITS } from "../src/backend.ts";
import type { InFlightLimits } from "../src/connection.ts";
import { createDiskDriver, type DiskDriver, type DiskOptions } from "../src/device.ts";
import type { FrontendNode } from "../src/negotiate.ts";
import { createRingFrontend, type RingFrontend, type RingFrontendOptions } from "../src/testing/index.ts";

/** A store whose requests wait until the test answers them. */
export interface HeldStore extends BlockStore {
  /** Requests that wait, oldest first. */
  readonly held: { readonly request: BlockRequest; readonly done: (status: BlockStatus) => void }[];
  /** Answers the request at a place among those that wait. */
  answer(index: number, status?: BlockStatus): void;
}

/** Makes such a store. Reads give zeroes. */
export const createHeldStore = (sectorCount: number): HeldStore => {
  const held: { readonly request: BlockRequest; readonly done: (status: BlockStatus) => void }[] = [];
  return {
    sectorCount,
    readOnly: false,
    canDiscard: true,
    held,
    submit: (request, done) => {
      held.push({ request, done });
    },
    answer: (index, status = "ok") => held.splice(index, 1)[0]?.done(status),
    close: async () => {},
  };
};

/** A disk's driver and one front end, without xenstore. */
export interface DiskBench {
  readonly host: FakeHost;
  readonly back: FakeDomain;
  readonly front: FakeDomain;
  readonly driver: DiskDriver;
  /** Sentences with which the ring was given up. */
  readonly violations: string[];
  /** Makes a ring in the front end's domain and lets the driver connect to it. */
  connect(options?: Partial<RingFrontendOptions>): RingFrontend;
  /** Lets the driver connect to nodes as a front end may have written them. */
  offer(nodes: Readonly<Record<string, string>>): Readonly<Record<string, string>> | string;
}

/** Makes a disk over a store. */
export const createDiskBench = (
  store: BlockStore,
  options: Partial<DiskOptions> = {},
  limits: Partial<InFlightLimits> = {},
): DiskBench => {
  const host = createFakeHost();
  const back = host.domain(0);
  const front = host.domain(5);
  const violations: string[] = [];
  const turns = createTurns({ requestsPerTurn: 8, requestsPerDispatch: 64 }, (run) => {
    back.timers.at(back.timers.now(), run);
  });
  const driver = createDiskDriver(
    { frontendDomain: front.id, frontendWidth: "x86_64", device: 51712, store, ...options },
    {
      domain: back,
      turns,
      costs: { requestNs: 1000, segmentNs: 100 },
      limits: { ...DEFAULT_LIMITS, ...limits },
      mappings: { left: DEFAULT_LIMITS.persistentGrantsInAll },
      trace: silentTrace,
      onViolation: (message) => {
        violations.push(message);
        driver.disconnect();
      },
      onGone: () => {},
    },
  );
  const offer = (nodes: Readonly<Record<string, string>>): Readonly<Record<string, string>> | string => {
    const all = Object.fromEntries(driver.frontendNodes.map((name) => [name, nodes[name] ?? null]));
    return driver.connect(all as Record<FrontendNode, string | null>);
  };
  return {
    host,
    back,
    front,
    driver,
    violations,
    offer,
    connect: (ring = {}) => {
      const frontend = createRingFrontend({ domain: front, backend: toDomId(0), ...ring });
      const result = offer(frontend.nodes);
      if (typeof result === "string") throw new Error(result);
      return frontend;
    },
  };
};
