import { DESCRIPTORS_PER_FRAME, GUEST_GDT_ENTRIES } from "@xenolith/frame-table";
import { type Mfn, PAGE_SIZE, toMfn, toNanoseconds } from "@xenolith/machine-interface";
import { EFAULT, EINVAL, longBytes, type Word64 } from "@xenolith/xen-abi";
import { __HYPERVISOR_set_gdt, __HYPERVISOR_update_descriptor } from "@xenolith/xen-abi/xen";
import type { Hypercall, HypercallContext } from "../hypercalls/context.ts";
import { ENTRY_NS } from "./costs.ts";
import { noteDescriptorChange } from "./descriptor-tables.ts";
import type { MemoryParts } from "./parts.ts";

/** Frame numbers of a GDT in guest memory, or null when they cannot be read. */
const readFrameList = (call: HypercallContext, count: number): Mfn[] | null => {
  const bytes = longBytes(call.width);
  const list = call.guest.read(call.argument(0), count * bytes);
  if (list === null) return null;
  return Array.from({ length: count }, (_unused, index) =>
    toMfn(bytes === 8 ? Number(list.getBigUint64(index * 8, true)) : list.getUint32(index * 4, true)),
  );
};

/** set_gdt(frames, entries): up to 14 frames become the GDT of the calling VCPU. [XEN xen.h] */
const createSetGdt = ({ descriptors, frames }: MemoryParts): Hypercall => ({
  number: __HYPERVISOR_set_gdt,
  handle(call) {
    const entries = call.argument32(1);
    if (entries > GUEST_GDT_ENTRIES) return -EINVAL;
    const list = readFrameList(call, Math.ceil(entries / DESCRIPTORS_PER_FRAME));
    if (list === null) return -EFAULT;
    const before = frames.work;
    const result = descriptors.loadGdt(call.vcpu, list, entries);
    call.charge(toNanoseconds((frames.work - before) * ENTRY_NS));
    return result;
  },
});

/** update_descriptor(machine address, descriptor): both are 64-bit, so that 32-bit guests pass two words each. [XEN xen.h] */
const createUpdateDescriptor = ({ frames }: MemoryParts): Hypercall => {
  const words = (call: HypercallContext, position: number): Word64 =>
    call.width === "x86_64"
      ? call.argumentWord(position)
      : { low: call.argument32(position * 2), high: call.argument32(position * 2 + 1) };

  return {
    number: __HYPERVISOR_update_descriptor,
    handle(call) {
      const address = words(call, 0);
      const { low, high } = words(call, 1);
      const at = address.high * 2 ** 32 + address.low;
      const frame = toMfn(Math.floor(at / PAGE_SIZE));
      call.charge(ENTRY_NS);
      const error = frames.updateDescriptor(call.domain.id, frame, address.low % PAGE_SIZE, low, high);
      if (error === 0) for (const vcpu of call.domain.vcpus) noteDescriptorChange(vcpu);
      return error;
    },
  };
};

/** The hypercalls about descriptor tables. The LDT is set by mmuext_op. */
export const createDescriptorHypercalls = (parts: MemoryParts): readonly Hypercall[] => [
  createSetGdt(parts),
  createUpdateDescriptor(parts),
];
