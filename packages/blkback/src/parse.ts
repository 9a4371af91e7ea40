import type { GrantRef, GuestWidth, Word64 } from "@xenolith/xen-abi";
import {
  BLKIF_DISCARD_SECURE,
  BLKIF_MAX_SEGMENTS_PER_REQUEST,
  BLKIF_OP_DISCARD,
  BLKIF_OP_FLUSH_DISKCACHE,
  BLKIF_OP_INDIRECT,
  BLKIF_OP_READ,
  BLKIF_OP_WRITE,
  BLKIF_OP_WRITE_BARRIER,
  BLKIF_REQUEST_DISCARD,
  BLKIF_REQUEST_INDIRECT,
  BLKIF_REQUEST_SEGMENT,
  BLKIF_RSP_EOPNOTSUPP,
  BLKIF_RSP_ERROR,
  BLKIF_SECTOR_BYTES,
  type BlkifRequestSegment,
  readBlkifRequest,
} from "@xenolith/xen-abi/io/blkif";

/** What requests are judged against. */
export interface DiskLimits {
  /** Size in sectors of 512 bytes. */
  readonly sectorCount: number;
  readonly readOnly: boolean;
  readonly canDiscard: boolean;
}

/** A run of whole sectors within one granted page. */
export interface GrantedRun {
  readonly reference: GrantRef;
  /** Offset in the page, a multiple of 512. */
  readonly offset: number;
  readonly lengthBytes: number;
}

/**
 * What a front end asks for, checked: every run lies within its page and every range within the disk. What could not be granted
 * is `refused`, with the status to answer and the reason for people.
 *
 * `write` carries no runs only with an order: `flush` makes earlier completed writes durable, `barrier` also keeps all earlier
 * writes before it and all later ones after it.
 */
export type BlockCommand =
  | {
      readonly kind: "read";
      readonly sector512: number;
      readonly runs: readonly GrantedRun[];
      readonly lengthBytes: number;
    }
  | {
      readonly kind: "write";
      readonly order: "none" | "flush" | "barrier";
      readonly sector512: number;
      readonly runs: readonly GrantedRun[];
      readonly lengthBytes: number;
    }
  | { readonly kind: "discard"; readonly sector512: number; readonly sectorCount: number }
  | { readonly kind: "refused"; readonly status: number; readonly reason: string };

/** A request slot: what its response must echo, and the command. */
export interface ParsedRequest {
  readonly id: Word64;
  /** `BLKIF_OP_*`, or whatever stood there; of an indirect request that which it stands for. */
  readonly operation: number;
  readonly command: BlockCommand;
}

/** Most segments of an indirect request: a megabyte. */
export const MAX_INDIRECT_SEGMENTS = 256;

/**
 * Copies the first bytes of pages that the front end has granted, in the order of their references: the segments of an indirect
 * request. @returns null when a reference is no good.
 */
export type SegmentReader = (references: readonly GrantRef[], lengthBytes: number) => Uint8Array | null;

/** Sectors of 512 bytes in a page, to which `first_sect` and `last_sect` count. */
const SECTORS_PER_PAGE = 8;
const PAGE_BYTES = 4096;
const SEGMENT_BYTES = 8;

const refuse = (reason: string, status: number = BLKIF_RSP_ERROR): BlockCommand => ({
  kind: "refused",
  status,
  reason,
});

const toRun = ({ gref, firstSect, lastSect }: BlkifRequestSegment): GrantedRun | null =>
  firstSect > lastSect || lastSect >= SECTORS_PER_PAGE
    ? null
    : {
        reference: gref,
        offset: firstSect * BLKIF_SECTOR_BYTES,
        lengthBytes: (lastSect - firstSect + 1) * BLKIF_SECTOR_BYTES,
      };

const isWithin = (sector512: number, sectorCount: number, disk: DiskLimits): boolean =>
  sector512 + sectorCount <= disk.sectorCount;

const parseDiscard = (view: DataView, width: GuestWidth, disk: DiskLimits): BlockCommand => {
  if (!disk.canDiscard) return refuse("discard is not offered", BLKIF_RSP_EOPNOTSUPP);
  if (disk.readOnly) return refuse("discard on a read-only disk");
  const { sectorNumber, nrSectors, flag } = BLKIF_REQUEST_DISCARD.read(view, 0, width);
  if ((flag & BLKIF_DISCARD_SECURE) !== 0)
    return refuse("secure discard is not offered", BLKIF_RSP_EOPNOTSUPP);
  if (!isWithin(sectorNumber, nrSectors, disk)) return refuse("discard beyond the end of the disk");
  return { kind: "discard", sector512: sectorNumber, sectorCount: nrSectors };
};

const ORDERS: Readonly<Partial<Record<number, Transfer["order"]>>> = {
  [BLKIF_OP_READ]: "read",
  [BLKIF_OP_WRITE]: "none",
  [BLKIF_OP_FLUSH_DISKCACHE]: "flush",
  [BLKIF_OP_WRITE_BARRIER]: "barrier",
};

/** What a request asks to be transferred: by its slot, or by the pages that an indirect one names. */
interface Transfer {
  readonly order: "read" | "none" | "flush" | "barrier";
  readonly sectorNumber: number;
  readonly segments: readonly BlkifRequestSegment[];
}

const judgeTransfer = ({ order, sectorNumber, segments }: Transfer, disk: DiskLimits): BlockCommand => {
  const mayBeEmpty = order === "flush" || order === "barrier";
  if (segments.length === 0 && !mayBeEmpty) return refuse("no segments");
  const runs: GrantedRun[] = [];
  let lengthBytes = 0;
  for (const segment of segments) {
    const run = toRun(segment);
    if (run === null) return refuse("segment that is not within its page");
    runs.push(run);
    lengthBytes += run.lengthBytes;
  }
  // The sector of an empty flush means nothing.
  if (lengthBytes > 0 && !isWithin(sectorNumber, lengthBytes / BLKIF_SECTOR_BYTES, disk))
    return refuse("range beyond the end of the disk");

  const range = { sector512: sectorNumber, runs, lengthBytes };
  if (order === "read") return { kind: "read", ...range };
  if (disk.readOnly && lengthBytes > 0) return refuse("write to a read-only disk");
  return { kind: "write", order, ...range };
};

const parseIndirect = (
  view: DataView,
  width: GuestWidth,
  disk: DiskLimits,
  readSegments: SegmentReader,
): { readonly operation: number; readonly command: BlockCommand } => {
  const request = BLKIF_REQUEST_INDIRECT.read(view, 0, width);
  const { indirectOp: operation, nrSegments, sectorNumber, indirectGrefs } = request;
  const answer = (command: BlockCommand) => ({ operation, command });
  if (operation !== BLKIF_OP_READ && operation !== BLKIF_OP_WRITE)
    return answer(refuse("indirect request that neither reads nor writes", BLKIF_RSP_EOPNOTSUPP));
  if (nrSegments === 0) return answer(refuse("no segments"));
  if (nrSegments > MAX_INDIRECT_SEGMENTS) return answer(refuse("too many segments"));
  const lengthBytes = nrSegments * SEGMENT_BYTES;
  const bytes = readSegments(indirectGrefs.slice(0, Math.ceil(lengthBytes / PAGE_BYTES)), lengthBytes);
  if (bytes === null) return answer(refuse("segments in a page that is not granted"));
  const segmentView = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const segments = Array.from({ length: nrSegments }, (_unused, index) =>
    BLKIF_REQUEST_SEGMENT.read(segmentView, index * SEGMENT_BYTES, width),
  );
  const order = operation === BLKIF_OP_READ ? "read" : "none";
  return answer(judgeTransfer({ order, sectorNumber, segments }, disk));
};

/**
 * Reads a request from a slot that has been copied out of the ring, in the layout of `width`, and checks it. Nothing throws and
 * every slot gives a command. Segments of indirect requests are copied by `readSegments`, once; grant references of data are
 * checked where they are used. [XEN io/blkif.h]
 */
export const parseRequest = (
  view: DataView,
  width: GuestWidth,
  disk: DiskLimits,
  readSegments: SegmentReader,
): ParsedRequest => {
  const { operation, id, nrSegments, sectorNumber, seg } = readBlkifRequest(view, 0, width);
  const answer = (command: BlockCommand): ParsedRequest => ({ id, operation, command });

  if (operation === BLKIF_OP_INDIRECT) return { id, ...parseIndirect(view, width, disk, readSegments) };
  if (operation === BLKIF_OP_DISCARD) return answer(parseDiscard(view, width, disk));
  const order = ORDERS[operation];
  if (order === undefined) return answer(refuse("unknown operation", BLKIF_RSP_EOPNOTSUPP));
  if (nrSegments > BLKIF_MAX_SEGMENTS_PER_REQUEST) return answer(refuse("too many segments"));
  return answer(judgeTransfer({ order, sectorNumber, segments: seg.slice(0, nrSegments) }, disk));
};
