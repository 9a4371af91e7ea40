import type { BlockStore } from "@xenolith/backend-interface";
import type { Domain } from "@xenolith/domain-interface";
import type { Turns } from "@xenolith/io-ring";
import { toNanoseconds } from "@xenolith/machine-interface";
import type { TraceSink } from "@xenolith/trace";
import type { DomId, GuestWidth } from "@xenolith/xen-abi";
import {
  BLKIF_RSP_OKAY,
  BLKIF_SECTOR_BYTES,
  VDISK_CDROM,
  VDISK_READONLY,
  VDISK_REMOVABLE,
} from "@xenolith/xen-abi/io/blkif";
import type { BackendDriver, DeviceNodes } from "@xenolith/xenbus";
import { type Connection, type InFlightLimits, openConnection } from "./connection.ts";
import type { DataPages, MappingBudget } from "./data-pages.ts";
import { executeCommand } from "./execute.ts";
import { FRONTEND_NODES, type FrontendNode, MAX_RING_PAGE_ORDER, parseRingOffer } from "./negotiate.ts";
import { type DiskLimits, MAX_INDIRECT_SEGMENTS, type ParsedRequest, parseRequest } from "./parse.ts";
import { type BlkbackCounters, type BlkbackStats, createCounters } from "./stats.ts";
import { BLKBACK_TRACE } from "./trace.ts";

/** A disk for one front end. */
export interface DiskOptions {
  readonly frontendDomain: DomId;
  /** Layout of the ring when the front end names none: its own width. */
  readonly frontendWidth: GuestWidth;
  /** Number of the virtual device: 51712 for xvda. */
  readonly device: number;
  /** The disk's bytes. The device does not close it. */
  readonly store: BlockStore;
  /** Refuses writes even if the store would take them. */
  readonly readOnly?: boolean;
  readonly cdrom?: boolean;
  /** false: discard is not offered even if the store can. */
  readonly discard?: boolean;
}

/** What serving costs the back end's domain in modelled processor time. */
export interface BlkbackCosts {
  /** Taking a request, parsing it and answering it. */
  readonly requestNs: number;
  /** Copying one page to or from the front end. */
  readonly segmentNs: number;
}

/** What a device shares with the other devices of its back end. */
export interface DeviceSurroundings {
  readonly domain: Domain;
  readonly turns: Turns;
  readonly costs: BlkbackCosts;
  readonly limits: InFlightLimits;
  readonly mappings: MappingBudget;
  readonly trace: TraceSink;
  /** The front end broke the ring's protocol: it has to be disconnected. */
  readonly onViolation: (message: string) => void;
  /** The device is no longer wanted. */
  readonly onGone: () => void;
}

/** A disk's part of the xenbus handshake, and its counters. */
export interface DiskDriver extends BackendDriver<FrontendNode> {
  readonly stats: BlkbackStats;
}

const count = (counters: BlkbackCounters, { command }: ParsedRequest): void => {
  switch (command.kind) {
    case "read":
      counters.reads++;
      counters.sectorsRead += command.lengthBytes / BLKIF_SECTOR_BYTES;
      return;
    case "write":
      if (command.lengthBytes === 0) counters.flushes++;
      else counters.writes++;
      counters.sectorsWritten += command.lengthBytes / BLKIF_SECTOR_BYTES;
      return;
    case "discard":
      counters.discards++;
      return;
    case "refused":
  }
};

const featureNodes = (canDiscard: boolean): Record<string, string> => ({
  "max-ring-page-order": String(MAX_RING_PAGE_ORDER),
  "feature-barrier": "1",
  "feature-flush-cache": "1",
  "feature-persistent": "1",
  "feature-max-indirect-segments": String(MAX_INDIRECT_SEGMENTS),
  ...(canDiscard
    ? {
        "feature-discard": "1",
        "discard-granularity": String(BLKIF_SECTOR_BYTES),
        "discard-alignment": "0",
        "discard-secure": "0",
      }
    : { "feature-discard": "0" }),
});

/** Makes the back end's part of a disk, not yet announced. */
export const createDiskDriver = (options: DiskOptions, around: DeviceSurroundings): DiskDriver => {
  const { frontendDomain, frontendWidth, device, store } = options;
  const { domain, trace, costs } = around;
  const cdrom = options.cdrom ?? false;
  const disk: DiskLimits = {
    sectorCount: store.sectorCount,
    readOnly: store.readOnly || (options.readOnly ?? false),
    canDiscard: store.canDiscard && (options.discard ?? true),
  };
  const counters = createCounters();
  const events = {
    connect: trace.define(BLKBACK_TRACE.connect),
    disconnect: trace.define(BLKBACK_TRACE.disconnect),
    request: trace.define(BLKBACK_TRACE.request),
    response: trace.define(BLKBACK_TRACE.response),
    violation: trace.define(BLKBACK_TRACE.violation),
  };
  let connection: Connection | null = null;

  const execute = (request: ParsedRequest, pages: DataPages, done: (status: number) => void): void => {
    const { command, operation } = request;
    const transfers = command.kind === "read" || command.kind === "write";
    domain.charge(toNanoseconds(costs.requestNs + (transfers ? command.runs.length * costs.segmentNs : 0)));
    count(counters, request);
    if (trace.on)
      trace.record(
        events.request,
        device,
        operation,
        command.kind === "refused" ? 0 : command.sector512,
        transfers ? command.lengthBytes : 0,
      );
    executeCommand({ store, pages }, command, (status) => {
      if (status !== BLKIF_RSP_OKAY) counters.failures++;
      if (trace.on) trace.record(events.response, frontendDomain, device, operation, status);
      done(status);
    });
  };

  const connect = (nodes: DeviceNodes<FrontendNode>): Readonly<Record<string, string>> | string => {
    const offer = parseRingOffer(nodes, frontendWidth);
    if (typeof offer === "string") return offer;
    const opened = openConnection({
      domain,
      turns: around.turns,
      frontendDomain,
      offer,
      limits: around.limits,
      mappings: around.mappings,
      parse: (slot, pages) => parseRequest(slot, offer.width, disk, pages.readSegments),
      execute,
      onStall: () => {
        counters.stalls++;
      },
      onViolation: () => {
        counters.violations++;
        if (trace.on) trace.record(events.violation, frontendDomain, device);
        around.onViolation("the ring's indices are impossible");
      },
    });
    if (typeof opened === "string") return opened;
    connection = opened;
    if (trace.on) trace.record(events.connect, frontendDomain, device, opened.slotCount);
    return {
      sectors: String(disk.sectorCount),
      "sector-size": String(BLKIF_SECTOR_BYTES),
      "physical-sector-size": String(BLKIF_SECTOR_BYTES),
      info: String((cdrom ? VDISK_CDROM | VDISK_REMOVABLE : 0) | (disk.readOnly ? VDISK_READONLY : 0)),
    };
  };

  return {
    features: featureNodes(disk.canDiscard && !disk.readOnly),
    frontendNodes: FRONTEND_NODES,
    connect,
    disconnect: () => {
      if (trace.on) trace.record(events.disconnect, frontendDomain, device, connection?.unanswered ?? 0);
      connection?.close();
      connection = null;
    },
    gone: around.onGone,
    stats: counters,
  };
};
