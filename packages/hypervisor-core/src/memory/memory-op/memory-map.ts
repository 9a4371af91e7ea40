import { PAGE_SIZE } from "@xenolith/machine-interface";
import { EFAULT, EINVAL, EPERM, ESRCH } from "@xenolith/xen-abi";
import {
  E820_ENTRY,
  E820_MAXIMUM_ENTRIES,
  E820_RAM,
  XEN_FOREIGN_MEMORY_MAP,
  XEN_MEMORY_MAP,
  XENMEM_machine_memory_map,
  XENMEM_memory_map,
  XENMEM_set_memory_map,
} from "@xenolith/xen-abi/memory";
import type { Domain } from "../../domain.ts";
import type { HypercallContext } from "../../hypercalls/context.ts";
import { domainByAnyId, permissionError } from "../page-owner.ts";
import type { MemoryParts } from "../parts.ts";
import type { MemoryOperation } from "./operation.ts";

/** A map of one entry: RAM from 0 on. */
const ramMap = (pages: number): Uint8Array => {
  const bytes = new Uint8Array(E820_ENTRY.sizeBytes);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(E820_ENTRY.addr, 0n, true);
  view.setBigUint64(E820_ENTRY.size, BigInt(pages) * BigInt(PAGE_SIZE), true);
  view.setUint32(E820_ENTRY.type, E820_RAM, true);
  return bytes;
};

/** Without a map of its own a domain is told of as much RAM as it may ever have, as toolstacks set it. */
const mapOf = ({ memoryMap, maximumPages }: Domain): Uint8Array => memoryMap ?? ramMap(maximumPages);

/** Writes as many entries as the guest takes, or only their number when it gives no buffer. */
const answerMap = (call: HypercallContext, at: number, map: Uint8Array): number => {
  const view = call.guest.read(at, XEN_MEMORY_MAP.size(call.width));
  if (view === null) return -EFAULT;
  const { nrEntries, buffer } = XEN_MEMORY_MAP.read(view, 0, call.width);
  const all = map.length / E820_ENTRY.sizeBytes;
  const count = buffer === 0 ? all : Math.min(nrEntries, all);
  if (buffer !== 0 && !call.guest.copyTo(buffer, map.subarray(0, count * E820_ENTRY.sizeBytes)))
    return -EFAULT;
  XEN_MEMORY_MAP.update(view, 0, call.width, { nrEntries: count });
  return call.guest.write(at, view) ? 0 : -EFAULT;
};

/** memory_map, set_memory_map, machine_memory_map: what there is of pseudo-physical and of machine memory. [XEN memory.h] */
export const createMemoryMaps = ({
  frames,
  findDomain,
}: MemoryParts): ReadonlyMap<number, MemoryOperation> => {
  const setMap: MemoryOperation = (call, at) => {
    const view = call.guest.read(at, XEN_FOREIGN_MEMORY_MAP.size(call.width));
    if (view === null) return -EFAULT;
    const { domid, map } = XEN_FOREIGN_MEMORY_MAP.read(view, 0, call.width);
    if (map.nrEntries > E820_MAXIMUM_ENTRIES) return -EINVAL;
    const domain = domainByAnyId(call.domain, domid, findDomain);
    if (domain === null) return -ESRCH;
    const denied = permissionError(call.domain, domain.id);
    if (denied !== 0) return denied;
    const bytes = new Uint8Array(map.nrEntries * E820_ENTRY.sizeBytes);
    if (!call.guest.copyFrom(map.buffer, bytes)) return -EFAULT;
    domain.memoryMap = bytes.length === 0 ? null : bytes;
    return 0;
  };

  return new Map<number, MemoryOperation>([
    [XENMEM_memory_map, (call, at) => answerMap(call, at, mapOf(call.domain))],
    [XENMEM_set_memory_map, setMap],
    [
      XENMEM_machine_memory_map,
      (call, at) => (call.domain.privileged ? answerMap(call, at, ramMap(frames.frameCount)) : -EPERM),
    ],
  ]);
};
