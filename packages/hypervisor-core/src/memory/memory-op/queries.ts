import { frameAddress, type Mfn } from "@xenolith/machine-interface";
import { EFAULT, ESRCH, longBytes } from "@xenolith/xen-abi";
import { HYPERVISOR_RANGE } from "@xenolith/xen-abi/arch-x86";
import {
  XEN_MACHPHYS_MAPPING,
  XEN_MACHPHYS_MFN_LIST,
  XEN_MEMORY_DOMAIN,
  XENMEM_current_reservation,
  XENMEM_machphys_compat_mfn_list,
  XENMEM_machphys_mapping,
  XENMEM_machphys_mfn_list,
  XENMEM_maximum_gpfn,
  XENMEM_maximum_ram_page,
  XENMEM_maximum_reservation,
} from "@xenolith/xen-abi/memory";
import { ARCH_SHARED_INFO, SHARED_INFO } from "@xenolith/xen-abi/shared-info";
import type { Domain } from "../../domain.ts";
import type { HypercallContext } from "../../hypercalls/context.ts";
import { domainByAnyId, permissionError } from "../page-owner.ts";
import type { MemoryParts } from "../parts.ts";
import { writeFrameNumber } from "./frame-list.ts";
import type { MemoryOperation } from "./operation.ts";

/** Frames of an extent of the machine-to-physical table as guests are told of it: 2 MiB. */
const EXTENT_FRAMES = 512;

/** Sub-operations that only look: sizes, and where the machine-to-physical table is. [XEN memory.h] */
export const createMemoryQueries = ({
  memory,
  frames,
  findDomain,
}: MemoryParts): ReadonlyMap<number, MemoryOperation> => {
  /** A number about a domain that the caller may ask about. */
  const aboutDomain =
    (answer: (domain: Domain) => number): MemoryOperation =>
    (call, at) => {
      const view = call.guest.read(at, XEN_MEMORY_DOMAIN.size(call.width));
      if (view === null) return -EFAULT;
      const domain = domainByAnyId(
        call.domain,
        XEN_MEMORY_DOMAIN.read(view, 0, call.width).domid,
        findDomain,
      );
      if (domain === null) return -ESRCH;
      const denied = permissionError(call.domain, domain.id);
      return denied !== 0 ? denied : answer(domain);
    };

  /** As the domain itself has written it into its shared_info: the number of its pages. */
  const maximumPfn = ({ width, sharedInfoFrame }: Domain): number => {
    const at =
      frameAddress(sharedInfoFrame) + SHARED_INFO[width].arch + ARCH_SHARED_INFO.layout[width].maxPfn;
    return width === "x86_64" ? Number(memory.view.getBigUint64(at, true)) : memory.view.getUint32(at, true);
  };

  const machphysMapping: MemoryOperation = (call, at) => {
    const { machToPhysStart, machToPhysEnd, machToPhysEntryBytes } = HYPERVISOR_RANGE[call.width];
    const view = new DataView(new ArrayBuffer(XEN_MACHPHYS_MAPPING.size(call.width)));
    XEN_MACHPHYS_MAPPING.write(view, 0, call.width, {
      vStart: machToPhysStart,
      vEnd: machToPhysEnd,
      maxMfn: (machToPhysEnd - machToPhysStart) / machToPhysEntryBytes - 1,
    });
    return call.guest.write(at, view) ? 0 : -EFAULT;
  };

  /** First frames of the table's extents. Nobody but a privileged domain can do anything with them. */
  const mfnList =
    (tableOf: (call: HypercallContext) => readonly Mfn[]): MemoryOperation =>
    (call, at) => {
      const view = call.guest.read(at, XEN_MACHPHYS_MFN_LIST.size(call.width));
      if (view === null) return -EFAULT;
      const { maxExtents, extentStart } = XEN_MACHPHYS_MFN_LIST.read(view, 0, call.width);
      const extents = tableOf(call)
        .filter((_frame, index) => index % EXTENT_FRAMES === 0)
        .slice(0, maxExtents);
      if (!call.guest.isAllowed(extentStart, extents.length, longBytes(call.width))) return -EFAULT;
      for (const [index, frame] of extents.entries()) {
        if (!writeFrameNumber(call, extentStart, index, frame)) return -EFAULT;
      }
      XEN_MACHPHYS_MFN_LIST.update(view, 0, call.width, { nrExtents: extents.length });
      return call.guest.write(at, view) ? 0 : -EFAULT;
    };

  const { machineToPhysical } = frames;
  return new Map<number, MemoryOperation>([
    [XENMEM_maximum_ram_page, () => frames.frameCount],
    [XENMEM_current_reservation, aboutDomain(({ id }) => frames.pagesOf(id))],
    [XENMEM_maximum_reservation, aboutDomain(({ id }) => frames.maximumPagesOf(id))],
    [XENMEM_machphys_mapping, machphysMapping],
    [
      XENMEM_machphys_mfn_list,
      mfnList(({ width }) => (width === "x86_64" ? machineToPhysical.wideFrames : machineToPhysical.frames)),
    ],
    [XENMEM_machphys_compat_mfn_list, mfnList(() => machineToPhysical.frames)],
    [XENMEM_maximum_gpfn, aboutDomain((domain) => Math.max(1, maximumPfn(domain)) - 1)],
  ]);
};
