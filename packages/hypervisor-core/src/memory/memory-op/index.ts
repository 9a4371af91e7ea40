import { EINVAL, ENOSYS } from "@xenolith/xen-abi";
import {
  MEMOP_CMD_MASK,
  MEMOP_EXTENT_SHIFT,
  XENMEM_add_to_physmap,
  XENMEM_add_to_physmap_batch,
  XENMEM_claim_pages,
  XENMEM_current_reservation,
  XENMEM_decrease_reservation,
  XENMEM_exchange,
  XENMEM_get_vnumainfo,
  XENMEM_increase_reservation,
  XENMEM_maximum_gpfn,
  XENMEM_maximum_ram_page,
  XENMEM_maximum_reservation,
  XENMEM_populate_physmap,
  XENMEM_remove_from_physmap,
  XENMEM_reserved_device_memory_map,
} from "@xenolith/xen-abi/memory";
import { __HYPERVISOR_memory_op } from "@xenolith/xen-abi/xen";
import type { Hypercall } from "../../hypercalls/context.ts";
import type { MemoryParts } from "../parts.ts";
import { createExchange } from "./exchange.ts";
import { createOperationsForOthers } from "./for-others.ts";
import { createMemoryMaps } from "./memory-map.ts";
import type { MemoryOperation } from "./operation.ts";
import { createPhysmapOperations } from "./physmap.ts";
import { createMemoryQueries } from "./queries.ts";
import { createReservationOperations } from "./reservation.ts";

/** Operations that can be gone on with: only with them does a command say more than the operation. */
const RESUMABLE: ReadonlySet<number> = new Set([
  XENMEM_increase_reservation,
  XENMEM_decrease_reservation,
  XENMEM_populate_physmap,
  XENMEM_add_to_physmap,
  XENMEM_add_to_physmap_batch,
]);

/** Other operations that look at that part of the command. For the rest a command that says more is one that is not known. */
const INSISTENT: ReadonlySet<number> = new Set([
  XENMEM_exchange,
  XENMEM_maximum_ram_page,
  XENMEM_current_reservation,
  XENMEM_maximum_reservation,
  XENMEM_maximum_gpfn,
  XENMEM_remove_from_physmap,
  XENMEM_claim_pages,
  XENMEM_get_vnumainfo,
  XENMEM_reserved_device_memory_map,
]);

/** memory_op(command, argument): reservations, balloon and what guests may know of the machine's memory. [XEN memory.h] */
export const createMemoryOp = (parts: MemoryParts): Hypercall => {
  const operations: ReadonlyMap<number, MemoryOperation> = new Map([
    ...createReservationOperations(parts),
    ...createExchange(parts),
    ...createMemoryQueries(parts),
    ...createPhysmapOperations(parts),
    ...createMemoryMaps(parts),
    ...createOperationsForOthers(parts),
  ]);

  return {
    number: __HYPERVISOR_memory_op,
    handle(call) {
      const command = call.argument32(0);
      const operation = command & MEMOP_CMD_MASK;
      const start = command >>> MEMOP_EXTENT_SHIFT;
      if (start !== 0 && !RESUMABLE.has(operation)) return INSISTENT.has(operation) ? -EINVAL : -ENOSYS;
      const answer = operations.get(operation)?.(call, call.argument(1), start) ?? -ENOSYS;
      if (typeof answer === "number") return answer;
      return call.restart([(operation | (answer.resumeAt << MEMOP_EXTENT_SHIFT)) >>> 0]);
    },
  };
};
