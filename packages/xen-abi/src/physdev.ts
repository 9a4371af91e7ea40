import { address, u32 } from "./fields.ts";
import { type Struct, struct } from "./struct.ts";

/** Sub-operations of physdev_op that an unprivileged guest may meet. [XEN physdev.h] */
export const PHYSDEVOP_IRQ_UNMASK_NOTIFY = 4;
export const PHYSDEVOP_irq_status_query = 5;
export const PHYSDEVOP_set_iopl = 6;
export const PHYSDEVOP_set_iobitmap = 7;
export const PHYSDEVOP_apic_read = 8;
export const PHYSDEVOP_apic_write = 9;
export const PHYSDEVOP_eoi = 12;
export const PHYSDEVOP_map_pirq = 13;
export const PHYSDEVOP_unmap_pirq = 14;
export const PHYSDEVOP_pirq_eoi_gmfn_v1 = 17;
export const PHYSDEVOP_get_free_pirq = 23;
export const PHYSDEVOP_pirq_eoi_gmfn_v2 = 28;

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
