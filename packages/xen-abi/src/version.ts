import { address, text, u32 } from "./fields.ts";
import { type Struct, struct } from "./struct.ts";

/** Sub-operations of xen_version. [XEN version.h] */
export const XENVER_version = 0;
export const XENVER_extraversion = 1;
export const XENVER_compile_info = 2;
export const XENVER_capabilities = 3;
export const XENVER_changeset = 4;
export const XENVER_platform_parameters = 5;
export const XENVER_get_features = 6;
export const XENVER_pagesize = 7;
export const XENVER_guest_handle = 8;
export const XENVER_commandline = 9;
export const XENVER_build_id = 10;

/** Bytes of the fixed texts that xen_version answers with. */
export const XEN_EXTRAVERSION_LEN = 16;
export const XEN_CAPABILITIES_INFO_LEN = 1024;
export const XEN_CHANGESET_INFO_LEN = 64;
export const XEN_COMMANDLINE_LEN = 1024;
/** Bytes of a domain's handle (UUID). */
export const XEN_DOMAIN_HANDLE_LEN = 16;

/** `struct xen_compile_info`: compiler @0, compile_by @64, compile_domain @80, compile_date @112; 144 bytes. */
export interface XenCompileInfo {
  readonly compiler: string;
  readonly compileBy: string;
  readonly compileDomain: string;
  readonly compileDate: string;
}
/** Layout and codec of {@link XenCompileInfo}. */
export const XEN_COMPILE_INFO: Struct<XenCompileInfo> = struct<XenCompileInfo>({
  compiler: text(64),
  compileBy: text(16),
  compileDomain: text(32),
  compileDate: text(32),
});

/** `struct xen_platform_parameters`: virt_start @0, where the hypervisor's part of the address space begins. */
export interface XenPlatformParameters {
  readonly virtStart: number;
}
/** Layout and codec of {@link XenPlatformParameters}. */
export const XEN_PLATFORM_PARAMETERS: Struct<XenPlatformParameters> = struct<XenPlatformParameters>({
  virtStart: address,
});

/** `struct xen_feature_info`: IN submap_idx @0, OUT submap @4 (bits: XENFEAT_*). */
export interface XenFeatureInfo {
  readonly submapIdx: number;
  readonly submap: number;
}
/** Layout and codec of {@link XenFeatureInfo}. */
export const XEN_FEATURE_INFO: Struct<XenFeatureInfo> = struct<XenFeatureInfo>({
  submapIdx: u32,
  submap: u32,
});
