import { address, branded, padded, u8, u16, u32, u64, ulong } from "./fields.ts";
import type { DomId } from "./ids.ts";
import { type Struct, struct } from "./struct.ts";
import type { GuestWidth } from "./width.ts";

/** Sub-operations of memory_op, in the low 6 bits of its first argument. [XEN memory.h] */
export const XENMEM_increase_reservation = 0;
export const XENMEM_decrease_reservation = 1;
export const XENMEM_maximum_ram_page = 2;
export const XENMEM_current_reservation = 3;
export const XENMEM_maximum_reservation = 4;
export const XENMEM_machphys_mfn_list = 5;
export const XENMEM_populate_physmap = 6;
export const XENMEM_add_to_physmap = 7;
export const XENMEM_memory_map = 9;
export const XENMEM_machine_memory_map = 10;
export const XENMEM_exchange = 11;
export const XENMEM_machphys_mapping = 12;
export const XENMEM_set_memory_map = 13;
export const XENMEM_maximum_gpfn = 14;
export const XENMEM_remove_from_physmap = 15;
export const XENMEM_set_pod_target = 16;
export const XENMEM_get_pod_target = 17;
export const XENMEM_get_sharing_freed_pages = 18;
export const XENMEM_get_sharing_shared_pages = 19;
export const XENMEM_access_op = 21;
export const XENMEM_add_to_physmap_batch = 23;
export const XENMEM_claim_pages = 24;
export const XENMEM_machphys_compat_mfn_list = 25;
export const XENMEM_get_vnumainfo = 26;
export const XENMEM_reserved_device_memory_map = 27;
export const XENMEM_acquire_resource = 28;

/** The low bits of a command that say the sub-operation; above it lies how far a preempted call has got. */
export const MEMOP_EXTENT_SHIFT = 6;
export const MEMOP_CMD_MASK = 0x3f;

/** Parts of `mem_flags`. */
export const XENMEMF_ADDRESS_BITS_MASK = 0xff;
export const XENMEMF_populate_on_demand = 0x1_0000;
export const XENMEMF_exact_node_request = 0x2_0000;
export const XENMEMF_vnode = 0x4_0000;

/** Spaces of XENMEM_add_to_physmap. */
export const XENMAPSPACE_shared_info = 0;
export const XENMAPSPACE_grant_table = 1;
export const XENMAPSPACE_gmfn = 2;
export const XENMAPSPACE_gmfn_range = 3;
export const XENMAPSPACE_gmfn_foreign = 4;
export const XENMAPSPACE_dev_mmio = 5;

const domid = branded<DomId>(u16);

/**
 * `struct xen_memory_reservation`: extent_start @0, nr_extents @4/8, extent_order @8/16, mem_flags @12/20, domid @16/24;
 * 20 or 32 bytes.
 */
export interface XenMemoryReservation {
  /** Guest address of an array of frame numbers (`unsigned long`), or 0. */
  readonly extentStart: number;
  readonly nrExtents: number;
  /** log2 of the frames in an extent. */
  readonly extentOrder: number;
  /** `XENMEMF_*`; low byte: most address bits a frame may have, 0: any. */
  readonly memFlags: number;
  readonly domid: DomId;
}
/** Layout and codec of {@link XenMemoryReservation}. */
export const XEN_MEMORY_RESERVATION: Struct<XenMemoryReservation> = struct<XenMemoryReservation>({
  extentStart: address,
  nrExtents: ulong,
  extentOrder: u32,
  memFlags: u32,
  domid,
});

/** `struct xen_memory_exchange`: in @0, out @20/32, OUT nr_exchanged @40/64; 44 or 72 bytes. */
export interface XenMemoryExchange {
  readonly in: XenMemoryReservation;
  readonly out: XenMemoryReservation;
  readonly nrExchanged: number;
}
/** Layout and codec of {@link XenMemoryExchange}. */
export const XEN_MEMORY_EXCHANGE: Struct<XenMemoryExchange> = struct<XenMemoryExchange>({
  in: XEN_MEMORY_RESERVATION,
  out: XEN_MEMORY_RESERVATION,
  nrExchanged: ulong,
});

/** Argument of current_reservation, maximum_reservation and maximum_gpfn: `domid_t` @0. */
export interface XenMemoryDomain {
  readonly domid: DomId;
}
/** Layout and codec of {@link XenMemoryDomain}. */
export const XEN_MEMORY_DOMAIN: Struct<XenMemoryDomain> = struct<XenMemoryDomain>({ domid });

/** `struct xen_machphys_mfn_list`: max_extents @0, extent_start @4/8, OUT nr_extents @8/16; 12 or 24 bytes. */
export interface XenMachphysMfnList {
  readonly maxExtents: number;
  readonly extentStart: number;
  readonly nrExtents: number;
}
/** Layout and codec of {@link XenMachphysMfnList}. */
export const XEN_MACHPHYS_MFN_LIST: Struct<XenMachphysMfnList> = struct<XenMachphysMfnList>({
  maxExtents: u32,
  extentStart: address,
  nrExtents: u32,
});

/** `struct xen_machphys_mapping`: OUT v_start @0, v_end @4/8, max_mfn @8/16. */
export interface XenMachphysMapping {
  /** First linear address of the M2P table, and the first behind it. */
  readonly vStart: number;
  readonly vEnd: number;
  /** Highest frame number that the table may hold. */
  readonly maxMfn: number;
}
/** Layout and codec of {@link XenMachphysMapping}. */
export const XEN_MACHPHYS_MAPPING: Struct<XenMachphysMapping> = struct<XenMachphysMapping>({
  vStart: address,
  vEnd: address,
  maxMfn: ulong,
});

/** `struct xen_add_to_physmap`: domid @0, size @2, space @4, idx @8, gpfn @12/16; 16 or 24 bytes. */
export interface XenAddToPhysmap {
  readonly domid: DomId;
  readonly size: number;
  readonly space: number;
  readonly idx: number;
  readonly gpfn: number;
}
/** Layout and codec of {@link XenAddToPhysmap}. */
export const XEN_ADD_TO_PHYSMAP: Struct<XenAddToPhysmap> = struct<XenAddToPhysmap>({
  domid,
  size: u16,
  space: u32,
  idx: ulong,
  gpfn: ulong,
});

/** `struct xen_remove_from_physmap`: domid @0, gpfn @4/8; 8 or 16 bytes. */
export interface XenRemoveFromPhysmap {
  readonly domid: DomId;
  readonly gpfn: number;
}
/** Layout and codec of {@link XenRemoveFromPhysmap}. */
export const XEN_REMOVE_FROM_PHYSMAP: Struct<XenRemoveFromPhysmap> = struct<XenRemoveFromPhysmap>({
  domid,
  gpfn: ulong,
});

/** `struct xen_memory_map`: nr_entries @0, buffer @4/8 (guest address of E820 entries of 20 bytes); 8 or 16 bytes. */
export interface XenMemoryMap {
  readonly nrEntries: number;
  readonly buffer: number;
}
/** Layout and codec of {@link XenMemoryMap}. */
export const XEN_MEMORY_MAP: Struct<XenMemoryMap> = struct<XenMemoryMap>({ nrEntries: u32, buffer: address });

/** `struct xen_foreign_memory_map`: domid @0, map @4/8; 12 or 24 bytes. */
export interface XenForeignMemoryMap {
  readonly domid: DomId;
  readonly map: XenMemoryMap;
}
/** Layout and codec of {@link XenForeignMemoryMap}. */
export const XEN_FOREIGN_MEMORY_MAP: Struct<XenForeignMemoryMap> = struct<XenForeignMemoryMap>({
  domid,
  map: XEN_MEMORY_MAP,
});

/** `struct xen_pod_target`: target_pages @0, OUT tot_pages, pod_cache_pages, pod_entries, IN domid @32; 36 or 40 bytes. */
export interface XenPodTarget {
  readonly targetPages: number;
  readonly totPages: number;
  readonly podCachePages: number;
  readonly podEntries: number;
  readonly domid: DomId;
}
/** Layout and codec of {@link XenPodTarget}. */
export const XEN_POD_TARGET: Struct<XenPodTarget> = struct<XenPodTarget>({
  targetPages: u64,
  totPages: u64,
  podCachePages: u64,
  podEntries: u64,
  domid,
});

/** `struct xen_mem_access_op`: op @0, access @1, domid @2, nr @4, pfn @8, two lists @16; 24 or 32 bytes. */
export interface XenMemAccessOp {
  readonly op: number;
  readonly access: number;
  readonly domid: DomId;
  readonly nr: number;
  readonly pfn: number;
  readonly pfnList: number;
  readonly accessList: number;
}
/** Layout and codec of {@link XenMemAccessOp}. */
export const XEN_MEM_ACCESS_OP: Struct<XenMemAccessOp> = struct<XenMemAccessOp>({
  op: u8,
  access: u8,
  domid,
  nr: u32,
  pfn: u64,
  pfnList: address,
  accessList: address,
});

/** `struct xen_add_to_physmap_batch`: domid @0, space @2, size @4, a union @6, three lists from 8 on; 20 or 32 bytes. */
export interface XenAddToPhysmapBatch {
  readonly domid: DomId;
  readonly space: number;
  readonly size: number;
  readonly foreignDomid: DomId;
  readonly idxs: number;
  readonly gpfns: number;
  readonly errs: number;
}
/** Layout and codec of {@link XenAddToPhysmapBatch}. */
export const XEN_ADD_TO_PHYSMAP_BATCH: Struct<XenAddToPhysmapBatch> = struct<XenAddToPhysmapBatch>({
  domid,
  space: u16,
  size: u16,
  foreignDomid: domid,
  idxs: address,
  gpfns: address,
  errs: address,
});

/** `struct xen_reserved_device_memory_map`: flags @0, IN/OUT nr_entries @4, buffer @8, device @12/16; 20 or 24 bytes. */
export interface XenReservedDeviceMemoryMap {
  readonly flags: number;
  readonly nrEntries: number;
  readonly buffer: number;
  readonly device: number;
}
/** Layout and codec of {@link XenReservedDeviceMemoryMap}. */
export const XEN_RESERVED_DEVICE_MEMORY_MAP: Struct<XenReservedDeviceMemoryMap> =
  struct<XenReservedDeviceMemoryMap>({
    flags: u32,
    nrEntries: u32,
    buffer: address,
    device: padded(u32, 8),
  });
/** Flag of {@link XenReservedDeviceMemoryMap}: of all devices. */
export const XENMEM_RDM_ALL = 1;
/** Bytes of an entry of that map. */
export const XEN_RESERVED_DEVICE_MEMORY_BYTES: Readonly<Record<GuestWidth, number>> = {
  x86_32: 8,
  x86_32p: 8,
  x86_64: 16,
};

/** `struct xen_mem_acquire_resource`: domid @0, type @2, id @4, nr_frames @8, pad @12, frame @16, frame_list @24; 28 or 32 bytes. */
export interface XenMemAcquireResource {
  readonly domid: DomId;
  readonly type: number;
  readonly id: number;
  readonly nrFrames: number;
  readonly pad: number;
  readonly frame: number;
  readonly frameList: number;
}
/** Layout and codec of {@link XenMemAcquireResource}. */
export const XEN_MEM_ACQUIRE_RESOURCE: Struct<XenMemAcquireResource> = struct<XenMemAcquireResource>({
  domid,
  type: u16,
  id: u32,
  nrFrames: u32,
  pad: u32,
  frame: u64,
  frameList: address,
});

/**
 * `struct xen_vnuma_topology_info`: domid @0, pad @2, IN/OUT nr_vnodes @4, nr_vcpus @8, nr_vmemranges @12, three lists of 8
 * bytes each @16; 40 bytes.
 */
export interface XenVnumaTopologyInfo {
  readonly domid: DomId;
  readonly pad: number;
  readonly nrVnodes: number;
  readonly nrVcpus: number;
  readonly nrVmemranges: number;
  readonly vdistance: number;
  readonly vcpuToVnode: number;
  readonly vmemrange: number;
}
/** Layout and codec of {@link XenVnumaTopologyInfo}. */
export const XEN_VNUMA_TOPOLOGY_INFO: Struct<XenVnumaTopologyInfo> = struct<XenVnumaTopologyInfo>({
  domid,
  pad: u16,
  nrVnodes: u32,
  nrVcpus: u32,
  nrVmemranges: u32,
  vdistance: u64,
  vcpuToVnode: u64,
  vmemrange: u64,
});

/** Most entries of a memory map. */
export const E820_MAXIMUM_ENTRIES = 128;
/** An entry of a memory map, packed: addr u64 @0, size u64 @8, type u32 @16; 20 bytes. Type 1 is RAM. [XEN memory.h] */
export const E820_ENTRY = { addr: 0, size: 8, type: 16, sizeBytes: 20 } as const;
/** Type of an {@link E820_ENTRY} that is RAM. */
export const E820_RAM = 1;
