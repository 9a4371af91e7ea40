import type { FrameTable } from "@xenolith/frame-table";
import type { MachineMemory } from "@xenolith/machine-interface";
import type { DomId } from "@xenolith/xen-abi";
import type { Domain } from "../domain.ts";
import type { DescriptorTables } from "./descriptor-tables.ts";
import type { LongTableWork } from "./long-table-work.ts";

/** Finds a living domain by its number. Reserved numbers are nobody's. */
export type FindDomain = (domain: DomId) => Domain | null;

/** What the handlers of memory hypercalls share. */
export interface MemoryParts {
  readonly memory: MachineMemory;
  readonly frames: FrameTable;
  readonly descriptors: DescriptorTables;
  readonly longWork: LongTableWork;
  readonly findDomain: FindDomain;
}
