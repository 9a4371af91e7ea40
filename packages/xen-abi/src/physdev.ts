import { address, branded, i32, u16, u32, u64, ulong } from "./fields.ts";
import type { DomId } from "./ids.ts";
import { type Struct, struct } from "./struct.ts";
import type { GuestWidth } from "./width.ts";

/** Sub-operations of physdev_op. [XEN physdev.h] */
export const PHYSDEVOP_IRQ_UNMASK_NOTIFY = 4;
export const PHYSDEVOP_irq_status_query = 5;
export const PHYSDEVOP_set_iopl = 6;
export const PHYSDEVOP_set_iobitmap = 7;
export const PHYSDEVOP_apic_read = 8;
export const PHYSDEVOP_apic_write = 9;
export const PHYSDEVOP_alloc_irq_vector = 10;
export const PHYSDEVOP_free_irq_vector = 11;
export const PHYSDEVOP_eoi = 12;
export const PHYSDEVOP_map_pirq = 13;
export const PHYSDEVOP_unmap_pirq = 14;
export const PHYSDEVOP_manage_pci_add = 15;
export const PHYSDEVOP_manage_pci_remove = 16;
export const PHYSDEVOP_pirq_eoi_gmfn_v1 = 17;
export const PHYSDEVOP_restore_msi = 19;
export const PHYSDEVOP_manage_pci_add_ext = 20;
export const PHYSDEVOP_setup_gsi = 21;
export const PHYSDEVOP_get_free_pirq = 23;
export const PHYSDEVOP_pci_mmcfg_reserved = 24;
export const PHYSDEVOP_pci_device_add = 25;
export const PHYSDEVOP_pci_device_remove = 26;
export const PHYSDEVOP_restore_msi_ext = 27;
export const PHYSDEVOP_pirq_eoi_gmfn_v2 = 28;
export const PHYSDEVOP_dbgp_op = 29;
export const PHYSDEVOP_prepare_msix = 30;
export const PHYSDEVOP_release_msix = 31;

/** Answers of PHYSDEVOP_irq_status_query. */
export const XENIRQSTAT_needs_eoi = 1;
export const XENIRQSTAT_shared = 2;

/** Types of PHYSDEVOP_map_pirq and get_free_pirq. */
export const MAP_PIRQ_TYPE_MSI = 0;
export const MAP_PIRQ_TYPE_GSI = 1;

/** `struct physdev_eoi`: irq @0. */
export interface PhysdevEoi {
  readonly irq: number;
}
/** Layout and codec of {@link PhysdevEoi}. */
export const PHYSDEV_EOI: Struct<PhysdevEoi> = struct<PhysdevEoi>({ irq: u32 });

/** `struct physdev_pirq_eoi_gmfn`: gmfn @0. */
export interface PhysdevPirqEoiGmfn {
  readonly gmfn: number;
}
/** Layout and codec of {@link PhysdevPirqEoiGmfn}. */
export const PHYSDEV_PIRQ_EOI_GMFN: Struct<PhysdevPirqEoiGmfn> = struct<PhysdevPirqEoiGmfn>({ gmfn: ulong });

/** `struct physdev_irq_status_query`: irq @0, OUT flags @4. */
export interface PhysdevIrqStatusQuery {
  readonly irq: number;
  /** `XENIRQSTAT_*`. */
  readonly flags: number;
}
/** Layout and codec of {@link PhysdevIrqStatusQuery}. */
export const PHYSDEV_IRQ_STATUS_QUERY: Struct<PhysdevIrqStatusQuery> = struct<PhysdevIrqStatusQuery>({
  irq: u32,
  flags: u32,
});

/** `struct physdev_map_pirq` as far as it is looked at: domid @0, type @4, index @8, pirq @12, bus, devfn, entry_nr, table_base. */
export interface PhysdevMapPirq {
  readonly domid: DomId;
  readonly type: number;
  readonly index: number;
  readonly pirq: number;
  readonly bus: number;
  readonly devfn: number;
  readonly entryNr: number;
  readonly tableBase: number;
}
/** Layout and codec of {@link PhysdevMapPirq}. */
export const PHYSDEV_MAP_PIRQ: Struct<PhysdevMapPirq> = struct<PhysdevMapPirq>({
  domid: branded<DomId>(u16),
  type: i32,
  index: i32,
  pirq: i32,
  bus: i32,
  devfn: i32,
  entryNr: u32,
  tableBase: u64,
});

/** `struct physdev_unmap_pirq`: domid @0, pirq @4. */
export interface PhysdevUnmapPirq {
  readonly domid: DomId;
  readonly pirq: number;
}
/** Layout and codec of {@link PhysdevUnmapPirq}. */
export const PHYSDEV_UNMAP_PIRQ: Struct<PhysdevUnmapPirq> = struct<PhysdevUnmapPirq>({
  domid: branded<DomId>(u16),
  pirq: i32,
});

/** `struct physdev_get_free_pirq`: type @0, OUT pirq @4. */
export interface PhysdevGetFreePirq {
  readonly type: number;
  readonly pirq: number;
}
/** Layout and codec of {@link PhysdevGetFreePirq}. */
export const PHYSDEV_GET_FREE_PIRQ: Struct<PhysdevGetFreePirq> = struct<PhysdevGetFreePirq>({
  type: i32,
  pirq: u32,
});

/** `struct physdev_apic`: apic_physbase @0, reg, value; and `struct physdev_irq`, of which as many bytes are read. */
export const PHYSDEV_APIC_BYTES: Readonly<Record<GuestWidth, number>> = {
  x86_32: 12,
  x86_32p: 12,
  x86_64: 16,
};

/** `struct physdev_set_iopl`: iopl @0. */
export interface PhysdevSetIopl {
  readonly iopl: number;
}
/** Layout and codec of {@link PhysdevSetIopl}. */
export const PHYSDEV_SET_IOPL: Struct<PhysdevSetIopl> = struct<PhysdevSetIopl>({ iopl: u32 });

/** `struct physdev_set_iobitmap`: bitmap @0 (guest address), nr_ports @4/8. */
export interface PhysdevSetIobitmap {
  readonly bitmap: number;
  readonly nrPorts: number;
}
/** Layout and codec of {@link PhysdevSetIobitmap}. */
export const PHYSDEV_SET_IOBITMAP: Struct<PhysdevSetIobitmap> = struct<PhysdevSetIobitmap>({
  bitmap: address,
  nrPorts: u32,
});

/** `struct physdev_op` of physdev_op_compat (call 19): cmd @0, the operation's structure @4 (x86_32) or @8 (x86_64). */
export const PHYSDEV_OP_COMPAT_ARGUMENT_OFFSET: Readonly<Record<"x86_32" | "x86_32p" | "x86_64", number>> = {
  x86_32: 4,
  x86_32p: 4,
  x86_64: 8,
};
