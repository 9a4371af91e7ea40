import {
  frameOf,
  type MachineAddress,
  PAGE_SIZE,
  toLinearAddress,
  toNanoseconds,
} from "@xenolith/machine-interface";
import { type DomId, EFAULT, EINVAL, toDomId, type Word64 } from "@xenolith/xen-abi";
import {
  __HYPERVISOR_update_va_mapping,
  __HYPERVISOR_update_va_mapping_otherdomain,
  UVMF_ALL,
  UVMF_FLUSHTYPE_MASK,
  UVMF_INVLPG,
  UVMF_LOCAL,
  UVMF_TLB_FLUSH,
} from "@xenolith/xen-abi/xen";
import { isGuestRange } from "../guest-memory.ts";
import type { Hypercall, HypercallContext, HypercallResult } from "../hypercalls/context.ts";
import type { Vcpu } from "../vcpu.ts";
import { ENTRY_NS, FLUSH_NS } from "./costs.ts";
import { pageOwner, permissionError } from "./page-owner.ts";
import type { MemoryParts } from "./parts.ts";
import { readVcpuMask } from "./vcpu-mask.ts";

/** The arguments of a call: widths differ in how many registers the entry takes. */
interface Arguments {
  readonly address: number;
  readonly entry: Word64;
  readonly flags: number;
  /** update_va_mapping_otherdomain: whose frames may be mapped. */
  readonly foreign: number;
}

const readArguments = (call: HypercallContext): Arguments => {
  const address = call.argument(0);
  if (call.width === "x86_32p") {
    const entry = { low: call.argument32(1), high: call.argument32(2) };
    return { address, entry, flags: call.argument(3), foreign: call.argument32(4) };
  }
  return { address, entry: call.argumentWord(1), flags: call.argument(2), foreign: call.argument32(3) };
};

/**
 * update_va_mapping(address, entry, flags) and its form for foreign frames: changes the level-1 entry that maps a linear
 * address in the calling VCPU's address space. A flush that is asked for with it has nothing to do: see `AddressSpaces`. [XEN xen.h]
 */
export const createUpdateVaMapping = (parts: MemoryParts): readonly Hypercall[] => {
  const { frames } = parts;

  /** Machine address of the level-1 entry of a linear address, or null where there is no table. */
  const findEntry = ({ domain, pageTableBase }: Vcpu, address: number): MachineAddress | null =>
    pageTableBase === null || !isGuestRange(domain.width, address, 1)
      ? null
      : frames.findLevel1Entry(domain.id, pageTableBase, toLinearAddress(address));

  /** Whether it can be read which VCPUs are to flush. */
  const isTargetReadable = (call: HypercallContext, target: number): boolean =>
    target === UVMF_LOCAL ||
    target === UVMF_ALL ||
    readVcpuMask(call.guest, target, call.domain.vcpus) !== null;

  const flush = (call: HypercallContext, { flags }: Arguments): number => {
    const kind = flags & UVMF_FLUSHTYPE_MASK;
    if (kind !== UVMF_TLB_FLUSH && kind !== UVMF_INVLPG) return 0;
    if (!isTargetReadable(call, flags - kind)) return -EFAULT;
    call.charge(FLUSH_NS);
    return 0;
  };

  const update = (call: HypercallContext, args: Arguments, mapped: DomId): HypercallResult => {
    const { domain, vcpu } = call;
    const at = findEntry(vcpu, args.address);
    if (at === null) return -EINVAL;
    const table = frameOf(at);
    if (frames.levelOf(table) !== 1) return -EINVAL;
    const index = (at % PAGE_SIZE) / (call.width === "x86_32" ? 4 : 8);
    call.charge(toNanoseconds(3 * ENTRY_NS));
    const error = frames.updateEntry(table, index, args.entry, { domain: domain.id, mapped });
    return error !== 0 ? error : flush(call, args);
  };

  return [
    {
      number: __HYPERVISOR_update_va_mapping,
      handle: (call) => update(call, readArguments(call), call.domain.id),
    },
    {
      number: __HYPERVISOR_update_va_mapping_otherdomain,
      handle(call) {
        const args = readArguments(call);
        const named = pageOwner(call.domain, args.foreign & 0xffff, parts.findDomain);
        if (named < 0) return named;
        const denied = permissionError(call.domain, toDomId(named));
        return denied !== 0 ? denied : update(call, args, toDomId(named));
      },
    },
  ];
};
