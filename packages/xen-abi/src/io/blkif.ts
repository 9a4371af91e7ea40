import { array, branded, i16, padded, u8, u16, u32, u64, type Word64, word64 } from "../fields.ts";
import type { GrantRef } from "../ids.ts";
import { type Struct, type StructReader, type StructWriter, struct } from "../struct.ts";

/** Operations of a block request. [XEN io/blkif.h] */
export const BLKIF_OP_READ = 0;
export const BLKIF_OP_WRITE = 1;
export const BLKIF_OP_WRITE_BARRIER = 2;
export const BLKIF_OP_FLUSH_DISKCACHE = 3;
export const BLKIF_OP_DISCARD = 5;
export const BLKIF_OP_INDIRECT = 6;

/** Status of a response. */
export const BLKIF_RSP_OKAY = 0;
export const BLKIF_RSP_ERROR = -1;
export const BLKIF_RSP_EOPNOTSUPP = -2;

/** Segments in a direct request, and pages of segments in an indirect one. */
export const BLKIF_MAX_SEGMENTS_PER_REQUEST = 11;
export const BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST = 8;

/** Flag of a discard. */
export const BLKIF_DISCARD_SECURE = 1;

/** Bits of the store node `info`. */
export const VDISK_CDROM = 1;
export const VDISK_REMOVABLE = 2;
export const VDISK_READONLY = 4;

/** Bytes of a sector in requests, whatever `sector-size` says. */
export const BLKIF_SECTOR_BYTES = 512;

/** Bytes of a ring slot: a request, or a response in the same place. */
export const BLKIF_SLOT_BYTES: Readonly<Record<"x86_32" | "x86_32p" | "x86_64", number>> = {
  x86_32: 108,
  x86_32p: 108,
  x86_64: 112,
};

const ref = branded<GrantRef>(u32);

/** `struct blkif_request_segment`: gref @0, first_sect @4, last_sect @5 (both within the page, included); 8 bytes. */
export interface BlkifRequestSegment {
  readonly gref: GrantRef;
  readonly firstSect: number;
  readonly lastSect: number;
}
/** Layout and codec of {@link BlkifRequestSegment}. */
export const BLKIF_REQUEST_SEGMENT: Struct<BlkifRequestSegment> = struct<BlkifRequestSegment>({
  gref: ref,
  firstSect: u8,
  lastSect: u8,
});

/** `struct blkif_request`: operation @0, nr_segments @1, handle @2, id @4/8, sector_number @12/16, seg[11] @20/24. */
export interface BlkifRequest {
  readonly operation: number;
  readonly nrSegments: number;
  readonly handle: number;
  /** Chosen by the front end, echoed bit by bit. */
  readonly id: Word64;
  readonly sectorNumber: number;
  /** All eleven; only the first `nrSegments` mean anything. */
  readonly seg: readonly BlkifRequestSegment[];
}
/** Layout and codec of {@link BlkifRequest}; 108 or 112 bytes. */
export const BLKIF_REQUEST: Struct<BlkifRequest> = struct<BlkifRequest>({
  operation: u8,
  nrSegments: u8,
  handle: u16,
  id: word64,
  sectorNumber: u64,
  seg: array(BLKIF_REQUEST_SEGMENT, BLKIF_MAX_SEGMENTS_PER_REQUEST),
});

/** `struct blkif_request_discard`: operation @0, flag @1, handle @2, id @4/8, sector_number @12/16, nr_sectors @20/24. */
export interface BlkifRequestDiscard {
  readonly operation: number;
  readonly flag: number;
  readonly handle: number;
  readonly id: Word64;
  readonly sectorNumber: number;
  readonly nrSectors: number;
}
/** Layout and codec of {@link BlkifRequestDiscard}; 28 or 32 bytes. */
export const BLKIF_REQUEST_DISCARD: Struct<BlkifRequestDiscard> = struct<BlkifRequestDiscard>({
  operation: u8,
  flag: u8,
  handle: u16,
  id: word64,
  sectorNumber: u64,
  nrSectors: u64,
});

/**
 * `struct blkif_request_indirect`: operation @0, indirect_op @1, nr_segments @2, id @4/8, sector_number @12/16,
 * handle @20/24, indirect_grefs[8] @24/28; 64 bytes.
 */
export interface BlkifRequestIndirect {
  readonly operation: number;
  readonly indirectOp: number;
  readonly nrSegments: number;
  readonly id: Word64;
  readonly sectorNumber: number;
  readonly handle: number;
  readonly indirectGrefs: readonly GrantRef[];
}

/** Layout and codec of {@link BlkifRequestIndirect}. */
export const BLKIF_REQUEST_INDIRECT: Struct<BlkifRequestIndirect> = struct<BlkifRequestIndirect>({
  operation: u8,
  indirectOp: u8,
  nrSegments: u16,
  id: word64,
  sectorNumber: u64,
  handle: u16,
  indirectGrefs: padded(array(ref, BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST), (width) =>
    width === "x86_64" ? 32 : 40,
  ),
});

/** `struct blkif_response`: id @0, operation @8, status @10; 12 or 16 bytes. */
export interface BlkifResponse {
  readonly id: Word64;
  readonly operation: number;
  /** `BLKIF_RSP_*`. */
  readonly status: number;
}
/** Layout and codec of {@link BlkifResponse}. */
export const BLKIF_RESPONSE: Struct<BlkifResponse> = struct<BlkifResponse>({
  id: word64,
  operation: u8,
  status: i16,
});

/** Decodes a block request. */
export const readBlkifRequest: StructReader<BlkifRequest> = BLKIF_REQUEST.read;
/** Encodes a block request. */
export const writeBlkifRequest: StructWriter<BlkifRequest> = BLKIF_REQUEST.write;
/** Decodes a block response. */
export const readBlkifResponse: StructReader<BlkifResponse> = BLKIF_RESPONSE.read;
/** Encodes a block response. */
export const writeBlkifResponse: StructWriter<BlkifResponse> = BLKIF_RESPONSE.write;
