import {
  ATTRIBUTE,
  type PackedFault,
  SEGMENT,
  type SegmentState,
  SYSTEM_TYPE,
  TSS16,
  TSS32,
} from "@xenolith/x86-architecture";
import { accessFault, isAccessFault, type ProcessorCore } from "../engine/system-operations.ts";

/** What a task state segment keeps of a task. Selectors are in the order ES CS SS DS FS GS. */
export interface TaskImage {
  /** Root of the task's page tables; null in a 16-bit TSS, which does not change it. */
  readonly control3: number | null;
  readonly instructionPointer: number;
  readonly flags: number;
  /** The eight general registers by their encoding. */
  readonly registers: readonly number[];
  readonly selectors: readonly number[];
  readonly localTable: number;
  /** Whether a debug trap is wanted when the task begins to run. */
  readonly traps: boolean;
}

/** Offsets of the fields that a task switch saves and loads, and the size of each. */
interface TaskLayout {
  readonly fieldBytes: 2 | 4;
  readonly instructionPointer: number;
  readonly flags: number;
  readonly registers: number;
  readonly selectors: number;
  readonly selectorCount: 4 | 6;
  readonly localTable: number;
  readonly sizeBytes: number;
}

const LAYOUT32: TaskLayout = {
  fieldBytes: 4,
  instructionPointer: TSS32.eip,
  flags: TSS32.eflags,
  registers: TSS32.eax,
  selectors: TSS32.es,
  selectorCount: 6,
  localTable: TSS32.ldt,
  sizeBytes: TSS32.sizeBytes,
};
const LAYOUT16: TaskLayout = {
  fieldBytes: 2,
  instructionPointer: TSS16.ip,
  flags: TSS16.flags,
  registers: TSS16.ax,
  selectors: TSS16.es,
  selectorCount: 4,
  localTable: TSS16.ldt,
  sizeBytes: TSS16.sizeBytes,
};

/** Whether attributes are those of a 16-bit TSS, available or busy. */
export const isSmallTask = (attributes: number): boolean =>
  (attributes & ATTRIBUTE.typeMask & ~2) === SYSTEM_TYPE.tss16;

const layoutOf = ({ attributes }: SegmentState): TaskLayout =>
  isSmallTask(attributes) ? LAYOUT16 : LAYOUT32;

/** Least limit of a task state segment. [SDM3A-7.2.2] */
export const leastTaskLimit = (segment: SegmentState): number => layoutOf(segment).sizeBytes - 1;

/** Checks that a task can be saved. Returns 0 or the fault. */
export const checkSave = (core: ProcessorCore, task: SegmentState): PackedFault | 0 => {
  const { instructionPointer, selectors, selectorCount, fieldBytes } = layoutOf(task);
  const length = selectors + selectorCount * fieldBytes - instructionPointer;
  return core.memory.checkWrite(task.base + instructionPointer, length, "supervisor");
};

const write = (core: ProcessorCore, at: number, value: number, fieldBytes: 2 | 4): void => {
  if (fieldBytes === 4) core.memory.write32(at, value >>> 0, "supervisor");
  else core.memory.write16(at, value & 0xffff, "supervisor");
};

/** Saves the present task's registers. {@link checkSave} has been asked. */
export const saveTask = (
  core: ProcessorCore,
  task: SegmentState,
  instructionPointer: number,
  flags: number,
): void => {
  const { state } = core;
  const layout = layoutOf(task);
  const { fieldBytes } = layout;
  write(core, task.base + layout.instructionPointer, instructionPointer, fieldBytes);
  write(core, task.base + layout.flags, flags, fieldBytes);
  for (let index = 0; index < 8; index++) {
    write(core, task.base + layout.registers + fieldBytes * index, state.register(index), fieldBytes);
  }
  for (let index = SEGMENT.es; index < layout.selectorCount; index++) {
    core.memory.write16(
      task.base + layout.selectors + fieldBytes * index,
      state.selector(index),
      "supervisor",
    );
  }
};

/** Reads a task, or the fault. Upper halves that a 16-bit TSS lacks are 0, and so are FS and GS. */
export const readTask = (core: ProcessorCore, task: SegmentState): TaskImage | PackedFault => {
  const layout = layoutOf(task);
  const { fieldBytes, sizeBytes } = layout;
  const fault = core.memory.checkRead(task.base, sizeBytes, "supervisor");
  if (fault !== 0) return fault;
  const field = (offset: number): number => {
    const at = task.base + offset;
    const value =
      fieldBytes === 4 ? core.memory.read32(at, "supervisor") : core.memory.read16(at, "supervisor");
    return isAccessFault(value) ? 0 : value;
  };
  const isSmall = fieldBytes === 2;
  return {
    control3: isSmall ? null : field(TSS32.cr3),
    instructionPointer: field(layout.instructionPointer),
    flags: field(layout.flags),
    registers: Array.from({ length: 8 }, (_, index) => field(layout.registers + fieldBytes * index)),
    selectors: Array.from({ length: 6 }, (_, index) =>
      index < layout.selectorCount ? field(layout.selectors + fieldBytes * index) & 0xffff : 0,
    ),
    localTable: field(layout.localTable) & 0xffff,
    traps: !isSmall && (field(TSS32.trap) & 1) !== 0,
  };
};

/** Selector of the task to return to, in the present task state segment; or the fault. */
export const readTaskLink = (core: ProcessorCore): { readonly selector: number } | PackedFault => {
  const link = core.memory.read16(core.state.segment(SEGMENT.tr).base + TSS32.link, "supervisor");
  return isAccessFault(link) ? accessFault(link) : { selector: link };
};
