import type { BlockRequest, BlockStatus, BlockStore } from "@xenolith/backend-interface";
import type { Domain } from "@xenolith/domain-interface";
import { HostError } from "@xenolith/machine-interface";
import { silentTrace, type TraceSink } from "@xenolith/trace";
import type { DomId } from "@xenolith/xen-abi";
import { XEN_IO_PROTO_ABI_X86_64 } from "@xenolith/xen-abi/io/protocols";
import {
  createFrontendDevice,
  type DeviceNodes,
  type FrontendDriver,
  type StoreClient,
} from "@xenolith/xenbus";
import { type BlkfrontCosts, openSession, type RingSession } from "./execute.ts";
import { createJob, isSent, isWithin, type Job } from "./jobs.ts";
import { type DiskProperties, PROPERTY_NODES, type PropertyNode, parseProperties } from "./parse.ts";
import { type BlkfrontStats, createCounters } from "./stats.ts";
import { BLKFRONT_TRACE } from "./trace.ts";

/** `connecting`: requests wait. `connected`: they are served. `closed`: they fail, until {@link Blkfront.reconnect}. */
export type BlkfrontState = "connecting" | "connected" | "closed";

/** A disk of a TypeScript kernel. */
export interface BlkfrontOptions {
  readonly domain: Domain;
  readonly store: StoreClient;
  /** Number of the virtual device: 51712 for xvda. */
  readonly device: number;
  /** Pages of the ring are 2 to this, at most; the back end may allow fewer. 0 where nothing is said. */
  readonly ringPageOrder?: number;
  /** Pages through which data goes: bounds what is under way at a time. 64 where nothing is said. */
  readonly dataPages?: number;
  readonly costs?: Partial<BlkfrontCosts>;
  readonly trace?: TraceSink;
  /** Called after each change, with a sentence when something was wrong. */
  readonly onStateChange?: (state: BlkfrontState, problem: string | null) => void;
}

/**
 * A front end: the block store that a back end in another domain serves. Its size and abilities are known while it is connected;
 * before, it has no sectors.
 */
export interface Blkfront extends BlockStore {
  readonly state: BlkfrontState;
  readonly stats: BlkfrontStats;
  /** Connects anew, to whatever back end xenstore names. What is under way fails. Not after {@link BlockStore.close}. */
  reconnect(): void;
}

/** Costs where none are given. */
export const DEFAULT_COSTS: BlkfrontCosts = { requestNs: 2_000, segmentNs: 1_000 };

const MAX_RING_PAGE_ORDER = 4;
const DEFAULT_DATA_PAGES = 64;
const NO_DISK: DiskProperties = {
  sectorCount: 0,
  readOnly: true,
  canFlush: false,
  canBarrier: false,
  canDiscard: false,
};

/** What a request can be answered without asking the back end, or null. */
const answerHere = (request: BlockRequest, disk: DiskProperties): BlockStatus | null => {
  if (request.kind === "flush") return disk.canFlush || disk.canBarrier ? null : "unsupported";
  if (!isWithin(request, disk.sectorCount)) return "io-error";
  if (request.kind !== "read" && disk.readOnly) return "io-error";
  if (request.kind === "discard") return disk.canDiscard ? null : "unsupported";
  const { length } = request.kind === "read" ? request.into : request.from;
  return length === 0 ? "ok" : null;
};

/**
 * Makes the front end of a disk and connects it as soon as its back end is there.
 * @throws HostError `bad-blkfront-options` for a page count that cannot be.
 */
export const createBlkfront = (options: BlkfrontOptions): Blkfront => {
  const { domain, device, trace = silentTrace, dataPages = DEFAULT_DATA_PAGES, ringPageOrder = 0 } = options;
  if (!Number.isInteger(dataPages) || dataPages < 1)
    throw new HostError("bad-blkfront-options", `blkfront: ${dataPages} data pages`);
  if (!Number.isInteger(ringPageOrder) || ringPageOrder < 0 || ringPageOrder > MAX_RING_PAGE_ORDER)
    throw new HostError("bad-blkfront-options", `blkfront: ring page order ${ringPageOrder}`);
  const costs = { ...DEFAULT_COSTS, ...options.costs };
  const counters = createCounters();
  const events = {
    connect: trace.define(BLKFRONT_TRACE.connect),
    disconnect: trace.define(BLKFRONT_TRACE.disconnect),
    request: trace.define(BLKFRONT_TRACE.request),
    response: trace.define(BLKFRONT_TRACE.response),
  };

  let state: BlkfrontState = "connecting";
  let backendDomain: DomId | -1 = -1;
  let session: RingSession | null = null;
  let disk = NO_DISK;
  let queue: Job[] = [];
  /** Set once {@link BlockStore.close} has been called; run when nothing is under way any more. */
  let onIdle: (() => void) | null = null;
  let closing = false;

  const moveTo = (next: BlkfrontState, problem: string | null): void => {
    if (state === next) return;
    state = next;
    options.onStateChange?.(next, problem);
  };

  const pump = (): void => {
    const current = session;
    if (current === null || state !== "connected") return;
    for (let job = queue[0]; job !== undefined; job = queue[0]) {
      const answer = job.sent === 0 ? answerHere(job.request, disk) : null;
      if (answer !== null) {
        queue.shift();
        job.done(answer);
        continue;
      }
      current.send(job, disk);
      if (!isSent(job)) break;
      queue.shift();
    }
    current.push();
    if (queue.length === 0 && current.outstanding === 0) onIdle?.();
  };

  const collect = (): void => {
    const problem = session?.collect() ?? null;
    if (problem === null) pump();
    else bus.fail(problem);
  };

  const failAll = (jobs: readonly Job[]): void => {
    for (const job of jobs) job.done("io-error");
  };

  /** Lets go of the ring. All that waits fails, and what its owners ask for meanwhile as well. */
  const dropSession = (problem: string | null): void => {
    const ended = session;
    session = null;
    disk = NO_DISK;
    if (trace.on && ended !== null) trace.record(events.disconnect, backendDomain, ended.outstanding);
    const onRing = ended?.close() ?? [];
    const waiting = queue.filter((job) => !onRing.includes(job));
    queue = [];
    moveTo("closed", problem);
    failAll([...onRing, ...waiting]);
    onIdle?.();
  };

  const driver: FrontendDriver<"max-ring-page-order", PropertyNode> = {
    featureNodes: ["max-ring-page-order"],
    propertyNodes: PROPERTY_NODES,
    offer: (backend, features) => {
      const allowed = Number(features["max-ring-page-order"] ?? 0);
      const order = Number.isInteger(allowed) && allowed >= 0 ? Math.min(ringPageOrder, allowed) : 0;
      const opened = openSession({
        domain,
        backend,
        ringPages: 2 ** order,
        dataPages,
        costs,
        counters,
        onRequest: (id, operation, sector512, lengthBytes) => {
          if (trace.on) trace.record(events.request, id, operation, sector512, lengthBytes);
        },
        onResponse: ({ id, operation, status }) => {
          if (trace.on) trace.record(events.response, id, operation, status === "ok" ? 0 : -1);
        },
        onEvent: collect,
      });
      if (typeof opened === "string") return opened;
      session = opened;
      backendDomain = backend;
      const ringNodes: Record<string, string> = {};
      if (order > 0) ringNodes["ring-page-order"] = String(order);
      for (const [index, reference] of opened.ring.references.entries())
        ringNodes[order === 0 ? "ring-ref" : `ring-ref${index}`] = String(reference);
      return { ...ringNodes, "event-channel": String(opened.port), protocol: XEN_IO_PROTO_ABI_X86_64 };
    },
    connected: (properties: DeviceNodes<PropertyNode>) => {
      const parsed = parseProperties(properties);
      if (typeof parsed === "string") return parsed;
      // The ring may have been given up since it was offered: a new one will be.
      if (session === null) return null;
      disk = parsed;
      if (trace.on) trace.record(events.connect, backendDomain, parsed.sectorCount);
      moveTo("connected", null);
      pump();
      return null;
    },
    disconnect: () => {
      if (session !== null) dropSession(null);
    },
    refused: (problem) => dropSession(problem),
  };
  const bus = createFrontendDevice({ store: options.store, path: `device/vbd/${device}`, driver });

  const enqueue = (request: BlockRequest, done: (status: BlockStatus) => void): void => {
    queue.push(createJob(request, done));
    pump();
  };
  const submit = (request: BlockRequest, done: (status: BlockStatus) => void): void => {
    if (closing || state === "closed") done("io-error");
    else enqueue(request, done);
  };

  const close = (): Promise<void> =>
    new Promise((resolve) => {
      const finish = (): void => {
        onIdle = null;
        if (state !== "closed") dropSession(null);
        bus.close();
        resolve();
      };
      const flushThenFinish = (): void => {
        onIdle = null;
        if (state === "connected") enqueue({ kind: "flush" }, finish);
        else finish();
      };
      closing = true;
      if (state !== "connected" || session === null) finish();
      else if (queue.length === 0 && session.outstanding === 0) flushThenFinish();
      else onIdle = flushThenFinish;
    });

  return {
    get state() {
      return state;
    },
    get sectorCount() {
      return disk.sectorCount;
    },
    get readOnly() {
      return disk.readOnly;
    },
    get canDiscard() {
      return disk.canDiscard;
    },
    stats: counters,
    submit,
    reconnect: () => {
      if (session !== null) dropSession(null);
      moveTo("connecting", null);
      bus.restart();
    },
    close,
  };
};
