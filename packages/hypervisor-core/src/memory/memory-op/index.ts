import { ENOSYS } from "@xenolith/xen-abi";
import { MEMOP_CMD_MASK, MEMOP_EXTENT_SHIFT } from "@xenolith/xen-abi/memory";
import { __HYPERVISOR_memory_op } from "@xenolith/xen-abi/xen";
import type { Hypercall } from "../../hypercalls/context.ts";
import type { MemoryParts } from "../parts.ts";
import { createExchange } from "./exchange.ts";
import type { MemoryOperation } from "./operation.ts";
import { createPhysmapOperations } from "./physmap.ts";
import { createMemoryQueries } from "./queries.ts";
import { createReservationOperations } from "./reservation.ts";

/** memory_op(command, argument): reservations, balloon and what guests may know of the machine's memory. [XEN memory.h] */
export const createMemoryOp = (parts: MemoryParts): Hypercall => {
  const operations: ReadonlyMap<number, MemoryOperation> = new Map([
    ...createReservationOperations(parts),
    ...createExchange(parts),
    ...createMemoryQueries(parts),
    ...createPhysmapOperations(parts),
  ]);

  return {
    number: __HYPERVISOR_memory_op,
    handle(call) {
      const command = call.argument32(0);
      const operation = command & MEMOP_CMD_MASK;
      const answer =
        operations.get(operation)?.(call, call.argument(1), command >>> MEMOP_EXTENT_SHIFT) ?? -ENOSYS;
      if (typeof answer === "number") return answer;
      return call.restart([(operation | (answer.resumeAt << MEMOP_EXTENT_SHIFT)) >>> 0]);
    },
  };
};
