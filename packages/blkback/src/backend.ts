import type { Domain } from "@xenolith/domain-interface";
import { createTurns, type TurnLimits } from "@xenolith/io-ring";
import { HostError } from "@xenolith/machine-interface";
import { silentTrace, type TraceSink } from "@xenolith/trace";
import type { XenbusState } from "@xenolith/xen-abi/io/xenbus";
import { createBackendDevice, type StoreClient } from "@xenolith/xenbus";
import type { InFlightLimits } from "./connection.ts";
import { type BlkbackCosts, createDiskDriver, type DiskOptions } from "./device.ts";
import type { BlkbackStats } from "./stats.ts";

/** Bounds on what front ends can make the back end do and hold. */
export interface BlkbackLimits extends TurnLimits, InFlightLimits {
  /** Pages of all devices together that are kept mapped. */
  readonly persistentGrantsInAll: number;
}

/** Limits where none are given. */
export const DEFAULT_LIMITS: BlkbackLimits = {
  requestsPerTurn: 8,
  requestsPerDispatch: 64,
  requestsInFlight: 64,
  bytesInFlight: 4_194_304,
  // What Linux's front end makes use of: 32 requests of 32 pages, and a page of segments for each.
  persistentGrants: 1_056,
  // Half of the mappings that a domain may have.
  persistentGrantsInAll: 32_768,
};

/** Costs where none are given: of the order of a back end in C on a machine of one instruction per nanosecond. */
export const DEFAULT_COSTS: BlkbackCosts = { requestNs: 3_000, segmentNs: 1_000 };

/** What a block back end lives in. */
export interface BlkbackOptions {
  /** The domain that serves: any, not only the first. */
  readonly domain: Domain;
  readonly store: StoreClient;
  readonly limits?: Partial<BlkbackLimits>;
  readonly costs?: Partial<BlkbackCosts>;
  readonly trace?: TraceSink;
}

/** A disk being served. */
export interface BlkbackDevice {
  readonly state: XenbusState;
  /** Whether a front end's ring is being served. */
  readonly connected: boolean;
  readonly stats: BlkbackStats;
  /** Stops serving. The disk's store is not closed. Harmless when repeated. */
  detach(): void;
}

/** The disk and where it is found in xenstore. */
export interface AttachOptions extends DiskOptions {
  /** Directory of the device at this end; `/local/domain/SELF/backend/vbd/FRONT/DEVICE` when absent. */
  readonly backendPath?: string;
  /** Directory at the other end; `/local/domain/FRONT/device/vbd/DEVICE` when absent. */
  readonly frontendPath?: string;
  /** The toolstack no longer wants the device and the front end has closed it, or the front end's directory has gone. */
  readonly onGone?: () => void;
}

/** The block back end of a domain. Its devices share its time: each gets its turn. */
export interface Blkback {
  /** Announces a disk whose directories a toolstack has written, and serves its front end whenever it connects. */
  attach(options: AttachOptions): BlkbackDevice;
}

/** Makes a block back end. @throws HostError `bad-limits` when a limit is not a positive whole number. */
export const createBlkback = (options: BlkbackOptions): Blkback => {
  const { domain, store, trace = silentTrace } = options;
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const costs = { ...DEFAULT_COSTS, ...options.costs };
  for (const [name, value] of Object.entries(limits))
    if (!Number.isInteger(value) || value < 1)
      throw new HostError("bad-limits", `blkback: ${name} is ${value}`);
  const mappings = { left: limits.persistentGrantsInAll };
  const turns = createTurns(limits, (run) => {
    domain.timers.at(domain.timers.now(), run);
  });

  return {
    attach: (disk) => {
      const { frontendDomain, device } = disk;
      let detached = false;
      const driver = createDiskDriver(disk, {
        domain,
        turns,
        costs,
        limits,
        mappings,
        trace,
        onViolation: (message) => bus.fail(message),
        onGone: () => disk.onGone?.(),
      });
      const bus = createBackendDevice({
        store,
        backendPath: disk.backendPath ?? `/local/domain/${domain.id}/backend/vbd/${frontendDomain}/${device}`,
        frontendPath: disk.frontendPath ?? `/local/domain/${frontendDomain}/device/vbd/${device}`,
        driver,
      });
      return {
        get state() {
          return bus.state;
        },
        get connected() {
          return bus.connected;
        },
        stats: driver.stats,
        detach: () => {
          if (detached) return;
          detached = true;
          bus.close();
        },
      };
    },
  };
};
