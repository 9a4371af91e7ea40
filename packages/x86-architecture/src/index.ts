export {
  addressOfValue,
  addressOfWords,
  isCanonical,
  isCanonicalRange,
  isCanonicalValue,
  valueOfAddress,
} from "./canonical.ts";
export {
  ATTRIBUTE,
  descriptorAttributes,
  descriptorBase,
  descriptorDpl,
  descriptorLimit,
  gateOffset,
  gateSelector,
  SYSTEM_TYPE,
  segmentHigh,
  segmentLow,
} from "./descriptor.ts";
export {
  faultErrorCode,
  faultVector,
  hasErrorCode,
  PAGE_FAULT,
  type PackedFault,
  packFault,
  SELECTOR_ERROR,
  VECTOR,
} from "./exceptions.ts";
export {
  FRAME_RECORD_FLAG,
  FRAME_RECORD_TYPE,
  FRAME_RECORDS,
  KERNEL_PAGE_HIGH,
} from "./frame-records.ts";
export {
  entryFrame,
  entryHigh,
  entryLow,
  PAGE_TABLE_SHAPE,
  type PageTableShape,
  PTE,
  PTE_CACHING_AND_SIZE,
  PTE_NX_HIGH,
  tableIndex,
} from "./page-table.ts";
export {
  CR0,
  CR4,
  EFER,
  FLAG,
  REGISTER,
  type RegisterIndex,
  SEGMENT,
  type SegmentIndex,
} from "./registers.ts";
export {
  type ExceptionHandler,
  GATE_CHANGE,
  type IdentityAnswers,
  type TransitionGates,
} from "./transition-gates.ts";
export { TSS16, TSS32, TSS64 } from "./tss.ts";
export type {
  DescriptorSource,
  FloatingPointContext,
  MonitoredProcessor,
  MonitoredVcpuOptions,
  PrivilegedOperation,
  SegmentState,
  VcpuContext,
  X86Vcpu,
} from "./vcpu.ts";
