import { address, branded, i16, i64, padded, u16, u32, u64, ulong } from "./fields.ts";
import type { DomId, GrantRef } from "./ids.ts";
import { type FieldType, type Struct, struct } from "./struct.ts";

/** Sub-operations of grant_table_op. [XEN grant_table.h] */
export const GNTTABOP_map_grant_ref = 0;
export const GNTTABOP_unmap_grant_ref = 1;
export const GNTTABOP_setup_table = 2;
export const GNTTABOP_dump_table = 3;
export const GNTTABOP_transfer = 4;
export const GNTTABOP_copy = 5;
export const GNTTABOP_query_size = 6;
export const GNTTABOP_unmap_and_replace = 7;
export const GNTTABOP_set_version = 8;
export const GNTTABOP_get_status_frames = 9;
export const GNTTABOP_get_version = 10;
export const GNTTABOP_swap_grant_ref = 11;
export const GNTTABOP_cache_flush = 12;

/** References the toolstack fills in before a guest starts. */
export const GNTTAB_NR_RESERVED_ENTRIES = 8;
export const GNTTAB_RESERVED_CONSOLE = 0;
export const GNTTAB_RESERVED_XENSTORE = 1;

/** Types and flags of a grant entry. */
export const GTF_invalid = 0;
export const GTF_permit_access = 1;
export const GTF_accept_transfer = 2;
export const GTF_transitive = 3;
export const GTF_type_mask = 3;
export const GTF_readonly = 0x4;
export const GTF_reading = 0x8;
export const GTF_writing = 0x10;
export const GTF_PWT = 0x20;
export const GTF_PCD = 0x40;
export const GTF_PAT = 0x80;
export const GTF_sub_page = 0x100;
export const GTF_transfer_committed = 0x4;
export const GTF_transfer_completed = 0x8;

/** Flags of a mapping. */
export const GNTMAP_device_map = 0x1;
export const GNTMAP_host_map = 0x2;
export const GNTMAP_readonly = 0x4;
export const GNTMAP_application_map = 0x8;
export const GNTMAP_contains_pte = 0x10;
/** Bits for the available bits of the page-table entry. */
export const GNTMAP_guest_avail_mask = 0xffff_0000;

/** Flags of a copy. */
export const GNTCOPY_source_gref = 1;
export const GNTCOPY_dest_gref = 2;

/** Operations of a cache flush. */
export const GNTTAB_CACHE_CLEAN = 1;
export const GNTTAB_CACHE_INVAL = 2;
export const GNTTAB_CACHE_SOURCE_GREF = 0x8000_0000;

/** Status of an operation, in its OUT field; all are 0 or negative. */
export const GNTST_okay = 0;
export const GNTST_general_error = -1;
export const GNTST_bad_domain = -2;
export const GNTST_bad_gntref = -3;
export const GNTST_bad_handle = -4;
export const GNTST_bad_virt_addr = -5;
export const GNTST_bad_dev_addr = -6;
export const GNTST_no_device_space = -7;
export const GNTST_permission_denied = -8;
export const GNTST_bad_page = -9;
export const GNTST_bad_copy_arg = -10;
export const GNTST_address_too_big = -11;
export const GNTST_eagain = -12;
export const GNTST_no_space = -13;

const domid = branded<DomId>(u16);
const ref = branded<GrantRef>(u32);

/** `struct grant_entry_v1`: what a domain writes into its grant table. flags @0, domid @2, frame @4; 8 bytes, 512 in a page. */
export interface GrantEntryV1 {
  /** `GTF_*`. */
  readonly flags: number;
  /** Who may use it. */
  readonly domid: DomId;
  /** Machine frame. */
  readonly frame: number;
}
/** Layout and codec of {@link GrantEntryV1}, alike in every width. */
export const GRANT_ENTRY_V1: Struct<GrantEntryV1> = struct<GrantEntryV1>({ flags: u16, domid, frame: u32 });
/** Bytes of a {@link GrantEntryV1}. */
export const GRANT_ENTRY_V1_BYTES = 8;
/** Version 1 entries in a frame. */
export const GRANT_ENTRIES_V1_PER_FRAME = 512;

/**
 * `union grant_entry_v2` as its members for whole pages (`full_page`) and for parts of them (`sub_page`) have it: flags @0,
 * domid @2, page_off @4, length @6, frame @8; 16 bytes, 256 in a page.
 */
export interface GrantEntryV2 {
  /** `GTF_*`, but for GTF_reading and GTF_writing, which stand in the status frames. */
  readonly flags: number;
  /** Who may use it. */
  readonly domid: DomId;
  /** With GTF_sub_page: first byte that may be copied, and how many. */
  readonly pageOffset: number;
  readonly length: number;
  /** Machine frame. */
  readonly frame: number;
}
/** Layout and codec of {@link GrantEntryV2}. */
export const GRANT_ENTRY_V2: Struct<GrantEntryV2> = struct<GrantEntryV2>({
  flags: u16,
  domid,
  pageOffset: u16,
  length: u16,
  frame: u64,
});

/** The member `transitive` of `union grant_entry_v2`: flags @0, domid @2, trans_domid @4, gref @8. */
export interface GrantEntryV2Transitive {
  readonly flags: number;
  /** Who may use it. */
  readonly domid: DomId;
  /** Whose grant is passed on. */
  readonly transDomid: DomId;
  readonly ref: GrantRef;
}
/** Layout and codec of {@link GrantEntryV2Transitive}. */
export const GRANT_ENTRY_V2_TRANSITIVE: Struct<GrantEntryV2Transitive> = struct<GrantEntryV2Transitive>({
  flags: u16,
  domid,
  transDomid: padded(domid, 4),
  ref,
});
/** Bytes of a {@link GrantEntryV2}. */
export const GRANT_ENTRY_V2_BYTES = 16;
/** Version 2 entries in a frame. */
export const GRANT_ENTRIES_V2_PER_FRAME = 256;
/** `grant_status_t`, 16 bits each, in a status frame. */
export const GRANT_STATUSES_PER_FRAME = 2048;

/**
 * `struct gnttab_map_grant_ref`: host_addr @0, flags @8, ref @12, dom @16, OUT status @18, handle @20, dev_bus_addr @24;
 * 32 bytes.
 */
export interface GnttabMapGrantRef {
  /** Linear address to map at, or with `GNTMAP_contains_pte` machine address of the page-table entry to write. */
  readonly hostAddr: number;
  readonly flags: number;
  readonly ref: GrantRef;
  readonly dom: DomId;
  readonly status: number;
  readonly handle: number;
  /** Machine address of the frame, when mapped. */
  readonly devBusAddr: number;
}
/** Layout and codec of {@link GnttabMapGrantRef}. */
export const GNTTAB_MAP_GRANT_REF: Struct<GnttabMapGrantRef> = struct<GnttabMapGrantRef>({
  hostAddr: i64,
  flags: u32,
  ref,
  dom: domid,
  status: i16,
  handle: u32,
  devBusAddr: u64,
});

/** `struct gnttab_unmap_grant_ref`: host_addr @0, dev_bus_addr @8, handle @16, OUT status @20; 24 bytes. */
export interface GnttabUnmapGrantRef {
  /** As given when mapping; 0: leave the host mapping alone. */
  readonly hostAddr: number;
  /** As answered when mapping; 0: leave the device mapping alone. */
  readonly devBusAddr: number;
  readonly handle: number;
  readonly status: number;
}
/** Layout and codec of {@link GnttabUnmapGrantRef}. */
export const GNTTAB_UNMAP_GRANT_REF: Struct<GnttabUnmapGrantRef> = struct<GnttabUnmapGrantRef>({
  hostAddr: i64,
  devBusAddr: u64,
  handle: u32,
  status: i16,
});

/** `struct gnttab_setup_table`: dom @0, nr_frames @4, OUT status @8, frame_list @12/16; 16 or 24 bytes. */
export interface GnttabSetupTable {
  readonly dom: DomId;
  readonly nrFrames: number;
  readonly status: number;
  /** Guest address of an array of `unsigned long` that receives the frames. */
  readonly frameList: number;
}
/** Layout and codec of {@link GnttabSetupTable}. */
export const GNTTAB_SETUP_TABLE: Struct<GnttabSetupTable> = struct<GnttabSetupTable>({
  dom: domid,
  nrFrames: u32,
  status: i16,
  frameList: address,
});

/** `struct gnttab_dump_table`: dom @0, OUT status @2; 4 bytes. */
export interface GnttabDumpTable {
  readonly dom: DomId;
  readonly status: number;
}
/** Layout and codec of {@link GnttabDumpTable}. */
export const GNTTAB_DUMP_TABLE: Struct<GnttabDumpTable> = struct<GnttabDumpTable>({
  dom: domid,
  status: i16,
});

/** `struct gnttab_transfer`: mfn @0, domid @4/8, ref @8/12, OUT status @12/16; 16 or 24 bytes. */
export interface GnttabTransfer {
  readonly mfn: number;
  readonly domid: DomId;
  readonly ref: GrantRef;
  readonly status: number;
}
/** Layout and codec of {@link GnttabTransfer}. */
export const GNTTAB_TRANSFER: Struct<GnttabTransfer> = struct<GnttabTransfer>({
  mfn: ulong,
  domid,
  ref,
  status: i16,
});

/** One end of a copy. The union of reference and frame is read in both meanings. */
export interface GnttabCopyPointer {
  /** Grant reference, when the copy's flag says so. */
  readonly ref: GrantRef;
  /** The domain's own frame, when not. */
  readonly gmfn: number;
  readonly domid: DomId;
  readonly offset: number;
}

const COPY_POINTER_PLACE = struct<{ readonly gmfn: number; readonly domid: DomId; readonly offset: number }>({
  gmfn: ulong,
  domid,
  offset: u16,
});

/** `struct gnttab_copy_ptr`: a union of u32 ref and xen_pfn_t gmfn @0, domid @4/8, offset @6/10. Written by `gmfn` alone. */
const copyPointer: FieldType<GnttabCopyPointer> = {
  size: COPY_POINTER_PLACE.size,
  alignment: COPY_POINTER_PLACE.alignment,
  read: (view, at, width) => ({
    ...COPY_POINTER_PLACE.read(view, at, width),
    ref: ref.read(view, at, width),
  }),
  write: COPY_POINTER_PLACE.write,
};

/** `struct gnttab_copy`: source @0, dest @8/16, len @16/32, flags @18/34, OUT status @20/36; 24 or 40 bytes. */
export interface GnttabCopy {
  readonly source: GnttabCopyPointer;
  readonly dest: GnttabCopyPointer;
  readonly len: number;
  /** `GNTCOPY_*`. */
  readonly flags: number;
  readonly status: number;
}
/** Layout and codec of {@link GnttabCopy}. */
export const GNTTAB_COPY: Struct<GnttabCopy> = struct<GnttabCopy>({
  source: copyPointer,
  dest: copyPointer,
  len: u16,
  flags: u16,
  status: i16,
});

/** `struct gnttab_query_size`: dom @0, OUT nr_frames @4, max_nr_frames @8, status @12; 16 bytes. */
export interface GnttabQuerySize {
  readonly dom: DomId;
  readonly nrFrames: number;
  readonly maxNrFrames: number;
  readonly status: number;
}
/** Layout and codec of {@link GnttabQuerySize}. */
export const GNTTAB_QUERY_SIZE: Struct<GnttabQuerySize> = struct<GnttabQuerySize>({
  dom: domid,
  nrFrames: u32,
  maxNrFrames: u32,
  status: i16,
});

/** `struct gnttab_unmap_and_replace`: host_addr @0, new_addr @8, handle @16, OUT status @20; 24 bytes. */
export interface GnttabUnmapAndReplace {
  readonly hostAddr: number;
  /** Linear address whose mapping takes the place of the grant's, and is cleared. */
  readonly newAddr: number;
  readonly handle: number;
  readonly status: number;
}
/** Layout and codec of {@link GnttabUnmapAndReplace}. */
export const GNTTAB_UNMAP_AND_REPLACE: Struct<GnttabUnmapAndReplace> = struct<GnttabUnmapAndReplace>({
  hostAddr: i64,
  newAddr: i64,
  handle: u32,
  status: i16,
});

/** `struct gnttab_set_version`: IN/OUT version @0. */
export interface GnttabSetVersion {
  readonly version: number;
}
/** Layout and codec of {@link GnttabSetVersion}. */
export const GNTTAB_SET_VERSION: Struct<GnttabSetVersion> = struct<GnttabSetVersion>({ version: u32 });

/** `struct gnttab_get_status_frames`: nr_frames @0, dom @4, OUT status @6, frame_list @8; 12 or 16 bytes. */
export interface GnttabGetStatusFrames {
  readonly nrFrames: number;
  readonly dom: DomId;
  readonly status: number;
  /** Guest address of an array of u64. */
  readonly frameList: number;
}
/** Layout and codec of {@link GnttabGetStatusFrames}. */
export const GNTTAB_GET_STATUS_FRAMES: Struct<GnttabGetStatusFrames> = struct<GnttabGetStatusFrames>({
  nrFrames: u32,
  dom: domid,
  status: i16,
  frameList: address,
});

/** `struct gnttab_get_version`: dom @0, OUT version @4; 8 bytes. */
export interface GnttabGetVersion {
  readonly dom: DomId;
  readonly version: number;
}
/** Layout and codec of {@link GnttabGetVersion}. */
export const GNTTAB_GET_VERSION: Struct<GnttabGetVersion> = struct<GnttabGetVersion>({
  dom: domid,
  version: u32,
});

/** `struct gnttab_swap_grant_ref`: ref_a @0, ref_b @4, OUT status @8; 12 bytes. */
export interface GnttabSwapGrantRef {
  readonly refA: GrantRef;
  readonly refB: GrantRef;
  readonly status: number;
}
/** Layout and codec of {@link GnttabSwapGrantRef}. */
export const GNTTAB_SWAP_GRANT_REF: Struct<GnttabSwapGrantRef> = struct<GnttabSwapGrantRef>({
  refA: ref,
  refB: ref,
  status: i16,
});

/** `struct gnttab_cache_flush`: address or reference @0, offset @8, length @10, op @12; 16 bytes. */
export interface GnttabCacheFlush {
  readonly devBusAddr: number;
  readonly offset: number;
  readonly length: number;
  readonly op: number;
}
/** Layout and codec of {@link GnttabCacheFlush}. */
export const GNTTAB_CACHE_FLUSH: Struct<GnttabCacheFlush> = struct<GnttabCacheFlush>({
  devBusAddr: u64,
  offset: u16,
  length: u16,
  op: u32,
});
