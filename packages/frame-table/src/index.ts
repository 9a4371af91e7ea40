export {
  type EntryUpdate,
  FRAME_TYPE,
  type FrameDescription,
  type FrameDomainOptions,
  type FrameTable,
  type FrameTableOptions,
  type FrameType,
  type InvariantViolation,
  type MachineToPhysical,
  type TableEntry,
  type TableLevel,
} from "./types.ts";
