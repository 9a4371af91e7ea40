import type { BlockStatus } from "@xenolith/backend-interface";
import type { GuestWidth } from "@xenolith/xen-abi";
import {
  BLKIF_RSP_EOPNOTSUPP,
  BLKIF_RSP_OKAY,
  BLKIF_SECTOR_BYTES,
  readBlkifResponse,
  VDISK_READONLY,
} from "@xenolith/xen-abi/io/blkif";
import type { DeviceNodes } from "@xenolith/xenbus";

/** Nodes of the back end that say what the disk is. [XEN io/blkif.h] */
export const PROPERTY_NODES = [
  "sectors",
  "sector-size",
  "info",
  "feature-flush-cache",
  "feature-barrier",
  "feature-discard",
] as const;

/** Name of one of {@link PROPERTY_NODES}. */
export type PropertyNode = (typeof PROPERTY_NODES)[number];

/** What a connected disk is and can. */
export interface DiskProperties {
  /** Size in sectors of 512 bytes. */
  readonly sectorCount: number;
  readonly readOnly: boolean;
  readonly canFlush: boolean;
  readonly canBarrier: boolean;
  readonly canDiscard: boolean;
}

const parseCount = (text: string | null): number | null => {
  const value = text !== null && /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(value * BLKIF_SECTOR_BYTES) ? value : null;
};

/**
 * Understands what a back end has written about its disk. Its sectors must be of 512 bytes, as they are for a front end that does
 * not ask for larger ones. @returns a sentence when something is missing or makes no sense.
 */
export const parseProperties = (nodes: DeviceNodes<PropertyNode>): DiskProperties | string => {
  const sectorCount = parseCount(nodes.sectors);
  if (sectorCount === null) return "sectors is missing or no size";
  if (nodes["sector-size"] !== String(BLKIF_SECTOR_BYTES)) return "sector-size is not 512";
  const info = nodes.info === null ? 0 : parseCount(nodes.info);
  if (info === null) return "info is no number";
  return {
    sectorCount,
    readOnly: (info & VDISK_READONLY) !== 0,
    canFlush: nodes["feature-flush-cache"] === "1",
    canBarrier: nodes["feature-barrier"] === "1",
    canDiscard: nodes["feature-discard"] === "1",
  };
};

/** A response, in the form in which requests are numbered here. */
export interface ParsedResponse {
  /** Number of the request; -1 when it cannot be one. */
  readonly id: number;
  readonly operation: number;
  readonly status: BlockStatus;
}

/** Reads a response from a slot that has been copied out of the ring. */
export const parseResponse = (view: DataView, width: GuestWidth): ParsedResponse => {
  const { id, operation, status } = readBlkifResponse(view, 0, width);
  const meaning: BlockStatus =
    status === BLKIF_RSP_OKAY ? "ok" : status === BLKIF_RSP_EOPNOTSUPP ? "unsupported" : "io-error";
  return { id: id.high === 0 ? id.low : -1, operation, status: meaning };
};
