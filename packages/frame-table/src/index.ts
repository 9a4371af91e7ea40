export { createFrameTable } from "./create.ts";
export { DESCRIPTORS_PER_FRAME } from "./descriptor-page.ts";
export { checkDescriptor, type Descriptor, GUEST_GDT_ENTRIES } from "./descriptor-rules.ts";
export { FRAME_TABLE_TRACE } from "./trace.ts";
export {
  type EntryPosition,
  type EntryUpdate,
  FRAME_TYPE,
  type FrameDescription,
  type FrameDomainOptions,
  type FrameTable,
  type FrameTableOptions,
  type FrameType,
  type InvariantCheckOptions,
  type InvariantViolation,
  type MachineToPhysical,
  type TableBelow,
  type TableEntry,
  type TableLevel,
} from "./types.ts";
