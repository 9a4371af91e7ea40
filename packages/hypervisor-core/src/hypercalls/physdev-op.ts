import { toMfn } from "@xenolith/machine-interface";
import { DOMID_SELF, type DomId, EBUSY, EFAULT, EINVAL, ENOSYS, EPERM, ESRCH } from "@xenolith/xen-abi";
import {
  MAP_PIRQ_TYPE_GSI,
  PHYSDEV_APIC_BYTES,
  PHYSDEV_EOI,
  PHYSDEV_GET_FREE_PIRQ,
  PHYSDEV_IRQ_STATUS_QUERY,
  PHYSDEV_MAP_PIRQ,
  PHYSDEV_OP_COMPAT_ARGUMENT_OFFSET,
  PHYSDEV_PIRQ_EOI_GMFN,
  PHYSDEV_SET_IOBITMAP,
  PHYSDEV_SET_IOPL,
  PHYSDEV_UNMAP_PIRQ,
  PHYSDEVOP_alloc_irq_vector,
  PHYSDEVOP_apic_read,
  PHYSDEVOP_apic_write,
  PHYSDEVOP_dbgp_op,
  PHYSDEVOP_eoi,
  PHYSDEVOP_get_free_pirq,
  PHYSDEVOP_IRQ_UNMASK_NOTIFY,
  PHYSDEVOP_irq_status_query,
  PHYSDEVOP_manage_pci_add,
  PHYSDEVOP_manage_pci_add_ext,
  PHYSDEVOP_manage_pci_remove,
  PHYSDEVOP_map_pirq,
  PHYSDEVOP_pci_device_add,
  PHYSDEVOP_pci_device_remove,
  PHYSDEVOP_pci_mmcfg_reserved,
  PHYSDEVOP_pirq_eoi_gmfn_v1,
  PHYSDEVOP_pirq_eoi_gmfn_v2,
  PHYSDEVOP_prepare_msix,
  PHYSDEVOP_release_msix,
  PHYSDEVOP_restore_msi,
  PHYSDEVOP_restore_msi_ext,
  PHYSDEVOP_set_iobitmap,
  PHYSDEVOP_set_iopl,
  PHYSDEVOP_setup_gsi,
  PHYSDEVOP_unmap_pirq,
  XENIRQSTAT_needs_eoi,
} from "@xenolith/xen-abi/physdev";
import type { Struct } from "@xenolith/xen-abi/struct";
import { __HYPERVISOR_physdev_op, __HYPERVISOR_physdev_op_compat } from "@xenolith/xen-abi/xen";
import type { DomainList } from "../domain-list.ts";
import type { MemoryManager } from "../memory-manager.ts";
import type { Hypercall, HypercallContext } from "./context.ts";

/** What the calls are made from. */
export interface PhysdevParts {
  readonly domains: DomainList;
  readonly memory: Pick<MemoryManager, "holdWritable" | "releaseWritable">;
}

const MAXIMUM_IOPL = 3;
const PORT_COUNT = 0x1_0000;
const PORT_BITMAP_BYTES = PORT_COUNT / 8;

/** Numbers of interrupts that a domain could name, had it the right to any. */
const PIRQ_COUNT = 48;
/** First line that is not one of the old interrupt controller's. */
const FIRST_LINE = 16;

/** Carries one sub-operation out on the structure at a guest address. */
type Operation = (call: HypercallContext, at: number) => number;

/** Decodes the argument and hands it over. */
const reading =
  <Fields extends object>(
    type: Struct<Fields>,
    act: (call: HypercallContext, request: Fields) => number | Partial<Fields>,
  ): Operation =>
  (call, at) => {
    const view = call.guest.read(at, type.size(call.width));
    if (view === null) return -EFAULT;
    const answer = act(call, type.read(view, 0, call.width));
    if (typeof answer === "number") return answer;
    type.update(view, 0, call.width, answer);
    return call.guest.write(at, view) ? 0 : -EFAULT;
  };

/** An operation for whoever has devices: its argument is looked at, and then its caller. */
const forOthers: Operation = (call, at) =>
  call.guest.read(at, PHYSDEV_APIC_BYTES[call.width]) === null ? -EFAULT : -EPERM;

const refused: Operation = () => -EPERM;

const setIopl = reading(PHYSDEV_SET_IOPL, ({ vcpu }, { iopl }) => {
  if (iopl > MAXIMUM_IOPL) return -EINVAL;
  vcpu.ioPrivilege = iopl;
  return 0;
});

/** Says which ports may be used without I/O privilege. The bitmap is read whenever it is asked. */
const setIobitmap = reading(PHYSDEV_SET_IOBITMAP, ({ guest, vcpu }, { bitmap, nrPorts }) => {
  if (nrPorts > PORT_COUNT || !guest.isAllowed(bitmap, PORT_BITMAP_BYTES, 1)) return -EINVAL;
  vcpu.portBitmap = nrPorts === 0 ? null : { address: bitmap, ports: nrPorts };
  return 0;
});

/** No physical interrupt is bound, so that there is nothing to end. */
const eoi = reading(PHYSDEV_EOI, () => -EINVAL);

/** What a guest has to do about an interrupt, had it one of that number. */
const irqStatusQuery = reading(PHYSDEV_IRQ_STATUS_QUERY, (_call, { irq }) =>
  irq < PIRQ_COUNT ? { flags: XENIRQSTAT_needs_eoi } : -EINVAL,
);

/** The number that a new interrupt would be given. */
const getFreePirq = reading(PHYSDEV_GET_FREE_PIRQ, (_call, { type }) => ({
  pirq: type === MAP_PIRQ_TYPE_GSI ? FIRST_LINE : PIRQ_COUNT - 1,
}));

const operationsOf = ({ domains, memory }: PhysdevParts): ReadonlyMap<number, Operation> => {
  /** The errno with which an interrupt of a domain cannot be mapped or unmapped by one that has no devices. */
  const refusal = (domid: DomId): number =>
    domid === DOMID_SELF || domains.resolveRemote(domid) !== null ? -EPERM : -ESRCH;

  /** A page in which the hypervisor would say which interrupts want to be ended: none does. */
  const setEoiPage = reading(PHYSDEV_PIRQ_EOI_GMFN, ({ domain }, { gmfn }) => {
    const frame = toMfn(gmfn);
    const error = memory.holdWritable(domain, frame);
    if (error !== 0) return error;
    if (domain.eoiFrame !== null) {
      memory.releaseWritable(domain, frame);
      return -EBUSY;
    }
    domain.eoiFrame = frame;
    return 0;
  });

  return new Map<number, Operation>([
    [PHYSDEVOP_IRQ_UNMASK_NOTIFY, () => 0],
    [PHYSDEVOP_irq_status_query, irqStatusQuery],
    [PHYSDEVOP_set_iopl, setIopl],
    [PHYSDEVOP_set_iobitmap, setIobitmap],
    [PHYSDEVOP_apic_read, forOthers],
    [PHYSDEVOP_apic_write, forOthers],
    [PHYSDEVOP_alloc_irq_vector, forOthers],
    [PHYSDEVOP_eoi, eoi],
    [PHYSDEVOP_map_pirq, reading(PHYSDEV_MAP_PIRQ, (_call, { domid }) => refusal(domid))],
    [PHYSDEVOP_unmap_pirq, reading(PHYSDEV_UNMAP_PIRQ, (_call, { domid }) => refusal(domid))],
    [PHYSDEVOP_manage_pci_add, refused],
    [PHYSDEVOP_manage_pci_remove, refused],
    [PHYSDEVOP_pirq_eoi_gmfn_v1, setEoiPage],
    [PHYSDEVOP_restore_msi, refused],
    [PHYSDEVOP_manage_pci_add_ext, refused],
    [PHYSDEVOP_setup_gsi, refused],
    [PHYSDEVOP_get_free_pirq, getFreePirq],
    [PHYSDEVOP_pci_mmcfg_reserved, refused],
    [PHYSDEVOP_pci_device_add, refused],
    [PHYSDEVOP_pci_device_remove, refused],
    [PHYSDEVOP_restore_msi_ext, refused],
    [PHYSDEVOP_pirq_eoi_gmfn_v2, setEoiPage],
    [PHYSDEVOP_dbgp_op, refused],
    [PHYSDEVOP_prepare_msix, refused],
    [PHYSDEVOP_release_msix, refused],
  ]);
};

/** physdev_op(command, argument): there are no physical devices; only the I/O privilege can be set. [XEN physdev.h] */
export const createPhysdevOp = (parts: PhysdevParts): Hypercall => {
  const operations = operationsOf(parts);
  return {
    number: __HYPERVISOR_physdev_op,
    handle: (call) => operations.get(call.argument32(0))?.(call, call.argument(1)) ?? -ENOSYS,
  };
};

/** physdev_op_compat(operation): the command at the beginning of the structure. [XEN physdev.h] */
export const createPhysdevOpCompat = (parts: PhysdevParts): Hypercall => {
  const operations = operationsOf(parts);
  return {
    number: __HYPERVISOR_physdev_op_compat,
    handle(call) {
      const at = call.argument(0);
      const command = call.guest.readUint32(at);
      if (command === null) return -EFAULT;
      return operations.get(command)?.(call, at + PHYSDEV_OP_COMPAT_ARGUMENT_OFFSET[call.width]) ?? -ENOSYS;
    },
  };
};
