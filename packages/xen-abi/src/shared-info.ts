import { address, i8, padded, u8, u32, u64, ulong } from "./fields.ts";
import { type Struct, type StructReader, type StructWriter, struct } from "./struct.ts";

/** VCPUs whose vcpu_info lies in shared_info; others register a place of their own. [XEN arch-x86/xen.h] */
export const XEN_LEGACY_MAX_VCPUS = 32;

/** Flags of vcpu_time_info. [XEN xen.h] */
export const XEN_PVCLOCK_TSC_STABLE_BIT = 1;
export const XEN_PVCLOCK_GUEST_STOPPED = 2;

/**
 * Time of a VCPU: system time = system_time + ((tsc - tsc_timestamp) << tsc_shift) * tsc_to_system_mul / 2^32.
 *
 * version @0, tsc_timestamp @8, system_time @16, tsc_to_system_mul @24, tsc_shift @28, flags @29; 32 bytes in every width.
 * The version is odd while the other fields change.
 */
export interface VcpuTimeInfo {
  readonly version: number;
  /** TSC at the last update, exact up to 2^53. */
  readonly tscTimestamp: number;
  /** Nanoseconds since boot at the last update. */
  readonly systemTime: number;
  /** Nanoseconds per (shifted) tick, as a fraction of 2^32. */
  readonly tscToSystemMul: number;
  /** Left shift of the TSC difference; negative: right. */
  readonly tscShift: number;
  /** `XEN_PVCLOCK_*`. */
  readonly flags: number;
}

/** Layout and codec of {@link VcpuTimeInfo}. */
export const VCPU_TIME_INFO: Struct<VcpuTimeInfo> = struct<VcpuTimeInfo>({
  version: padded(u32, 8),
  tscTimestamp: u64,
  systemTime: u64,
  tscToSystemMul: u32,
  tscShift: i8,
  flags: u8,
});

/** Decodes a vcpu_time_info. */
export const readVcpuTimeInfo: StructReader<VcpuTimeInfo> = VCPU_TIME_INFO.read;

/** Encodes a vcpu_time_info. */
export const writeVcpuTimeInfo: StructWriter<VcpuTimeInfo> = VCPU_TIME_INFO.write;

/**
 * The part of a VCPU that it shares with the hypervisor, 64 bytes in every width: evtchn_upcall_pending @0,
 * evtchn_upcall_mask @1, evtchn_pending_sel @4/8, arch.cr2 @8/16, time @32.
 */
export interface VcpuInfo {
  /** Not 0: an event is pending. Set by the hypervisor, cleared by the guest before it looks for work. */
  readonly evtchnUpcallPending: number;
  /** Not 0: no upcalls. */
  readonly evtchnUpcallMask: number;
  /** Bit n: word n of evtchn_pending has news for this VCPU. The low word of it for x86_64 lies at the same offset. */
  readonly evtchnPendingSel: number;
  /** Address of the last page fault (`arch.cr2`). */
  readonly cr2: number;
  readonly time: VcpuTimeInfo;
}

/** Layout and codec of {@link VcpuInfo}. */
export const VCPU_INFO: Struct<VcpuInfo> = struct<VcpuInfo>({
  evtchnUpcallPending: u8,
  evtchnUpcallMask: u8,
  evtchnPendingSel: ulong,
  cr2: padded(address, (width) => (width === "x86_64" ? 16 : 24)),
  time: VCPU_TIME_INFO,
});

/** Bytes of a vcpu_info in every width. */
export const VCPU_INFO_BYTES = 64;

/** `arch_shared_info`: what a PV guest tells about its P2M, and the NMI reason. */
export interface ArchSharedInfo {
  readonly maxPfn: number;
  readonly pfnToMfnFrameListList: number;
  readonly nmiReason: number;
  readonly p2mCr3: number;
  readonly p2mVaddr: number;
  readonly p2mGeneration: number;
}

/** Layout and codec of {@link ArchSharedInfo}. On x86_32 `wc_sec_hi` follows at offset 24. */
export const ARCH_SHARED_INFO: Struct<ArchSharedInfo> = struct<ArchSharedInfo>({
  maxPfn: ulong,
  pfnToMfnFrameListList: ulong,
  nmiReason: ulong,
  p2mCr3: ulong,
  p2mVaddr: address,
  p2mGeneration: ulong,
});

/** Byte offsets of shared_info, for code that works on the page itself. */
export interface SharedInfoLayout {
  /** `vcpu_info[32]`, 64 bytes each. */
  readonly vcpuInfo: number;
  /** Bitmap of pending events: a word of `unsigned long` per bit of a selector word. */
  readonly evtchnPending: number;
  /** Bitmap of masked events. */
  readonly evtchnMask: number;
  /** Wall clock at boot: odd version while it changes; seconds and nanoseconds since 1970. */
  readonly wcVersion: number;
  readonly wcSec: number;
  readonly wcNsec: number;
  /** High word of the seconds. Lies in the arch part on x86_32. */
  readonly wcSecHi: number;
  readonly arch: number;
  readonly sizeBytes: number;
}

const SHARED_INFO_32: SharedInfoLayout = {
  vcpuInfo: 0,
  evtchnPending: 2048,
  evtchnMask: 2176,
  wcVersion: 2304,
  wcSec: 2308,
  wcNsec: 2312,
  wcSecHi: 2340,
  arch: 2316,
  sizeBytes: 2344,
};

const SHARED_INFO_64: SharedInfoLayout = {
  vcpuInfo: 0,
  evtchnPending: 2048,
  evtchnMask: 2560,
  wcVersion: 3072,
  wcSec: 3076,
  wcNsec: 3080,
  wcSecHi: 3084,
  arch: 3088,
  sizeBytes: 3136,
};

/** Layout of shared_info per width. It is written in place, field by field, so there is no codec of the whole. [XEN xen.h] */
export const SHARED_INFO: Readonly<Record<"x86_32" | "x86_32p" | "x86_64", SharedInfoLayout>> = {
  x86_32: SHARED_INFO_32,
  x86_32p: SHARED_INFO_32,
  x86_64: SHARED_INFO_64,
};
