import { address, array, i32, padded, u32, u64, type Word64, word64 } from "./fields.ts";
import { type Struct, struct } from "./struct.ts";

/** Sub-operations of vcpu_op. [XEN vcpu.h] */
export const VCPUOP_initialise = 0;
export const VCPUOP_up = 1;
export const VCPUOP_down = 2;
export const VCPUOP_is_up = 3;
export const VCPUOP_get_runstate_info = 4;
export const VCPUOP_register_runstate_memory_area = 5;
export const VCPUOP_set_periodic_timer = 6;
export const VCPUOP_stop_periodic_timer = 7;
export const VCPUOP_set_singleshot_timer = 8;
export const VCPUOP_stop_singleshot_timer = 9;
export const VCPUOP_register_vcpu_info = 10;
export const VCPUOP_send_nmi = 11;
export const VCPUOP_get_physid = 12;
export const VCPUOP_register_vcpu_time_memory_area = 13;

/** Runstates: indices of `time` in {@link VcpuRunstateInfo}. [XEN vcpu.h] */
export const RUNSTATE_running = 0;
export const RUNSTATE_runnable = 1;
export const RUNSTATE_blocked = 2;
export const RUNSTATE_offline = 3;

/** Bit 63 of `state_entry_time`, as a bit of its high word: an update is in progress. */
export const XEN_RUNSTATE_UPDATE_HIGH = 0x8000_0000;

/** `struct vcpu_runstate_info`: state @0, state_entry_time @4/8, time[4] @12/16 (ns in each state); 44 or 48 bytes. */
export interface VcpuRunstateInfo {
  readonly state: number;
  /** System time of entry into the state; its top bit is {@link XEN_RUNSTATE_UPDATE_HIGH}. */
  readonly stateEntryTime: Word64;
  readonly time: readonly number[];
}
/** Layout and codec of {@link VcpuRunstateInfo}. */
export const VCPU_RUNSTATE_INFO: Struct<VcpuRunstateInfo> = struct<VcpuRunstateInfo>({
  state: i32,
  stateEntryTime: word64,
  time: array(u64, 4),
});

/** `struct vcpu_register_runstate_memory_area` and `vcpu_register_time_memory_area`: a guest address @0, 8 bytes. */
export interface VcpuRegisterMemoryArea {
  readonly address: number;
}
/** Bytes of the two registration structures: a union with a u64, so 8 in every width. */
export const VCPU_REGISTER_MEMORY_AREA_BYTES = 8;
/** Codec of {@link VcpuRegisterMemoryArea}. Only a pointer's bytes are read; the rest of the union is not looked at. */
export const VCPU_REGISTER_MEMORY_AREA: Struct<VcpuRegisterMemoryArea> = struct<VcpuRegisterMemoryArea>({
  address,
});

/** `struct vcpu_set_periodic_timer`: period_ns @0. */
export interface VcpuSetPeriodicTimer {
  readonly periodNs: number;
}
/** Layout and codec of {@link VcpuSetPeriodicTimer}. */
export const VCPU_SET_PERIODIC_TIMER: Struct<VcpuSetPeriodicTimer> = struct<VcpuSetPeriodicTimer>({
  periodNs: u64,
});

/** Flag of VCPUOP_set_singleshot_timer: answer -ETIME when the deadline has passed. */
export const VCPU_SSHOTTMR_future = 1;

/** `struct vcpu_set_singleshot_timer`: timeout_abs_ns @0, flags @8. */
export interface VcpuSetSingleshotTimer {
  /** System time in ns. */
  readonly timeoutAbsNs: number;
  readonly flags: number;
}
/** Layout and codec of {@link VcpuSetSingleshotTimer}. */
export const VCPU_SET_SINGLESHOT_TIMER: Struct<VcpuSetSingleshotTimer> = struct<VcpuSetSingleshotTimer>({
  timeoutAbsNs: u64,
  flags: u32,
});

/** `struct vcpu_register_vcpu_info`: mfn @0, offset within the frame @8; 16 bytes. */
export interface VcpuRegisterVcpuInfo {
  readonly mfn: number;
  readonly offset: number;
}
/** Layout and codec of {@link VcpuRegisterVcpuInfo}. */
export const VCPU_REGISTER_VCPU_INFO: Struct<VcpuRegisterVcpuInfo> = struct<VcpuRegisterVcpuInfo>({
  mfn: u64,
  offset: padded(u32, 8),
});

/** `struct vcpu_get_physid`: OUT APIC id in the low, ACPI id in the high half @0. */
export interface VcpuGetPhysid {
  readonly physId: Word64;
}
/** Layout and codec of {@link VcpuGetPhysid}. */
export const VCPU_GET_PHYSID: Struct<VcpuGetPhysid> = struct<VcpuGetPhysid>({ physId: word64 });
