import { EFAULT, EINVAL, ENOSYS, EPERM } from "@xenolith/xen-abi";
import {
  PHYSDEV_OP_COMPAT_ARGUMENT_OFFSET,
  PHYSDEV_SET_IOBITMAP,
  PHYSDEV_SET_IOPL,
  PHYSDEVOP_apic_read,
  PHYSDEVOP_apic_write,
  PHYSDEVOP_eoi,
  PHYSDEVOP_get_free_pirq,
  PHYSDEVOP_irq_status_query,
  PHYSDEVOP_map_pirq,
  PHYSDEVOP_set_iobitmap,
  PHYSDEVOP_set_iopl,
  PHYSDEVOP_unmap_pirq,
} from "@xenolith/xen-abi/physdev";
import { __HYPERVISOR_physdev_op, __HYPERVISOR_physdev_op_compat } from "@xenolith/xen-abi/xen";
import type { Hypercall, HypercallContext } from "./context.ts";

const MAXIMUM_IOPL = 3;
const PORT_COUNT = 0x1_0000;

const setIopl = (call: HypercallContext, at: number): number => {
  const view = call.guest.read(at, PHYSDEV_SET_IOPL.size(call.width));
  if (view === null) return -EFAULT;
  const { iopl } = PHYSDEV_SET_IOPL.read(view, 0, call.width);
  if (iopl > MAXIMUM_IOPL) return -EINVAL;
  call.vcpu.ioPrivilege = iopl;
  return 0;
};

/** A bitmap is accepted and has no effect: no domain has ports, so user mode has none either. */
const setIobitmap = (call: HypercallContext, at: number): number => {
  const view = call.guest.read(at, PHYSDEV_SET_IOBITMAP.size(call.width));
  if (view === null) return -EFAULT;
  const { bitmap, nrPorts } = PHYSDEV_SET_IOBITMAP.read(view, 0, call.width);
  return nrPorts > PORT_COUNT || !call.guest.isAllowed(bitmap, Math.ceil(nrPorts / 8), 1) ? -EINVAL : 0;
};

const perform = (call: HypercallContext, command: number, at: number): number => {
  switch (command) {
    case PHYSDEVOP_set_iopl:
      return setIopl(call, at);
    case PHYSDEVOP_set_iobitmap:
      return setIobitmap(call, at);
    case PHYSDEVOP_eoi:
    case PHYSDEVOP_irq_status_query:
      return -EINVAL;
    case PHYSDEVOP_apic_read:
    case PHYSDEVOP_apic_write:
    case PHYSDEVOP_map_pirq:
    case PHYSDEVOP_unmap_pirq:
    case PHYSDEVOP_get_free_pirq:
      return -EPERM;
    default:
      return -ENOSYS;
  }
};

/** physdev_op(command, argument): there are no physical devices; only the I/O privilege can be set. [XEN physdev.h] */
export const createPhysdevOp = (): Hypercall => ({
  number: __HYPERVISOR_physdev_op,
  handle: (call) => perform(call, call.argument32(0), call.argument(1)),
});

/** physdev_op_compat(operation): the command at the beginning of the structure. [XEN physdev.h] */
export const createPhysdevOpCompat = (): Hypercall => ({
  number: __HYPERVISOR_physdev_op_compat,
  handle(call) {
    const at = call.argument(0);
    const command = call.guest.readUint32(at);
    if (command === null) return -EFAULT;
    return perform(call, command, at + PHYSDEV_OP_COMPAT_ARGUMENT_OFFSET[call.width]);
  },
});
