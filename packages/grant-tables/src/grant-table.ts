import type { Mfn } from "@xenolith/machine-interface";
import type { DomId } from "@xenolith/xen-abi";
import {
  GRANT_ENTRIES_V1_PER_FRAME,
  GRANT_ENTRIES_V2_PER_FRAME,
  GRANT_STATUSES_PER_FRAME,
} from "@xenolith/xen-abi/grant-table";
import { createMapTrack, type MapTrack } from "./map-track.ts";

/** Ways to use a grant, each counted apart. */
export type PinKind = "hostReads" | "hostWrites" | "deviceReads" | "deviceWrites";

/**
 * A grant in use: what the granter said when its use began. It holds until the last use ends, whatever the granter writes
 * into the shared entry meanwhile.
 */
export interface ActiveEntry extends Record<PinKind, number> {
  /** The one domain that uses it. */
  readonly user: DomId;
  readonly frame: Mfn;
  /** Bytes of the frame that may be copied. */
  readonly start: number;
  readonly length: number;
  /** Not the whole page, or the grant of another domain passed on: it cannot be mapped. */
  readonly isSubPage: boolean;
  /** The grant that is passed on; null for one of the granter's own pages. */
  readonly passedOn: { readonly granter: GrantTable; readonly ref: number } | null;
}

/** References that a TypeScript kernel offers pages by. */
export interface Offers {
  readonly made: Set<number>;
  /** Those that were offered and are free again. */
  readonly free: number[];
  /** First one that was never offered. */
  next: number;
}

/** The table of one domain, and what the domain has mapped of others. */
export interface GrantTable {
  readonly id: DomId;
  readonly privileged: boolean;
  /** Version of the entries' layout, chosen by the domain. */
  version: 1 | 2;
  /** Frames of the shared table, in order. */
  frames: readonly Mfn[];
  /** Frames of uses of version 2, in order; none in version 1. */
  statusFrames: readonly Mfn[];
  readonly maximumFrames: number;
  /** Entries in use, by reference. */
  readonly active: Map<number, ActiveEntry>;
  readonly mapTrack: MapTrack;
  /** What the domain's TypeScript kernel has offered; null for a domain that has made no offer. */
  offers: Offers | null;
  /** The domain is dying: its grants cannot be used anew. */
  dying: boolean;
  /** The table's frames are gone: nothing is written to them any more. */
  gone: boolean;
}

/** What a {@link GrantTable} is made from. */
export interface GrantTableParts {
  readonly id: DomId;
  readonly privileged: boolean;
  readonly maximumFrames: number;
  readonly maximumMappings: number;
}

/** Makes a table without frames. */
export const createGrantTable = (parts: GrantTableParts): GrantTable => ({
  id: parts.id,
  privileged: parts.privileged,
  version: 1,
  frames: [],
  statusFrames: [],
  maximumFrames: parts.maximumFrames,
  active: new Map(),
  mapTrack: createMapTrack(parts.maximumMappings),
  offers: null,
  dying: false,
  gone: false,
});

/** Number of entries: references are below it. */
export const entryCount = ({ version, frames }: GrantTable): number =>
  frames.length * (version === 1 ? GRANT_ENTRIES_V1_PER_FRAME : GRANT_ENTRIES_V2_PER_FRAME);

/** Status frames that a table of version 2 with so many frames has. */
export const statusFrameCount = (frames: number): number =>
  Math.ceil((frames * GRANT_ENTRIES_V2_PER_FRAME) / GRANT_STATUSES_PER_FRAME);

/** Whether a number that may come from a guest is a reference of the table. */
export const isReference = (table: GrantTable, ref: number): boolean => ref >= 0 && ref < entryCount(table);
