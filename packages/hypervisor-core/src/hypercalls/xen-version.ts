import { PAGE_SIZE } from "@xenolith/machine-interface";
import { EFAULT, EINVAL, ENODATA, ENOSYS, EPERM, type GuestWidth } from "@xenolith/xen-abi";
import { HYPERVISOR_RANGE } from "@xenolith/xen-abi/arch-x86";
import {
  XENFEAT_dom0,
  XENFEAT_gnttab_map_avail_bits,
  XENFEAT_highmem_assist,
  XENFEAT_memory_op_vnode_supported,
  XENFEAT_mmu_pt_update_preserve_ad,
  XENFEAT_NR_SUBMAPS,
  XENFEAT_not_direct_mapped,
  XENFEAT_pae_pgdir_above_4gb,
} from "@xenolith/xen-abi/features";
import {
  XEN_CAPABILITIES_INFO_LEN,
  XEN_CHANGESET_INFO_LEN,
  XEN_COMMANDLINE_LEN,
  XEN_COMPILE_INFO,
  XEN_EXTRAVERSION_LEN,
  XEN_FEATURE_INFO,
  XEN_PLATFORM_PARAMETERS,
  XENVER_build_id,
  XENVER_capabilities,
  XENVER_changeset,
  XENVER_commandline,
  XENVER_compile_info,
  XENVER_extraversion,
  XENVER_get_features,
  XENVER_guest_handle,
  XENVER_pagesize,
  XENVER_platform_parameters,
  XENVER_version,
} from "@xenolith/xen-abi/version";
import { __HYPERVISOR_xen_version, VMASST_TYPE_pae_extended_cr3 } from "@xenolith/xen-abi/xen";
import { type Domain, hasAssist } from "../domain.ts";
import { VERSION_ANSWER, XEN_VERSION } from "../version.ts";
import type { Hypercall, HypercallContext } from "./context.ts";

/** The kinds of guest there are, as XENVER_capabilities lists them: the interface is that of Xen 3.0 ever since. */
const CAPABILITIES: Readonly<Record<GuestWidth, string>> = {
  x86_32: "xen-3.0-x86_32 ",
  x86_32p: "xen-3.0-x86_64 xen-3.0-x86_32p ",
  x86_64: "xen-3.0-x86_64 xen-3.0-x86_32p ",
};

/** What is told in place of something that is none of the caller's business. */
const DENIED = "<denied>";

/** The same for every build: a guest's run must not depend on when the hypervisor was built. */
const COMPILE_INFO = {
  compiler: "TypeScript and WebAssembly",
  compileBy: "xenolith",
  compileDomain: "",
  compileDate: "",
} as const;

const bit = (feature: number): number => (1 << feature) >>> 0;

const featuresOf = (domain: Domain): number =>
  (bit(XENFEAT_mmu_pt_update_preserve_ad) |
    bit(XENFEAT_highmem_assist) |
    bit(XENFEAT_gnttab_map_avail_bits) |
    bit(XENFEAT_memory_op_vnode_supported) |
    bit(XENFEAT_not_direct_mapped) |
    (domain.privileged ? bit(XENFEAT_dom0) : 0) |
    (hasAssist(domain, VMASST_TYPE_pae_extended_cr3) ? bit(XENFEAT_pae_pgdir_above_4gb) : 0)) >>>
  0;

/** `length` bytes that begin with a text and are zero behind it. */
const textBytes = (text: string, length: number): Uint8Array => {
  const bytes = new Uint8Array(length);
  bytes.set(new TextEncoder().encode(text).subarray(0, length - 1));
  return bytes;
};

const answerWith = (call: HypercallContext, bytes: Uint8Array): number =>
  call.guest.copyTo(call.argument(1), bytes) ? 0 : -EFAULT;

const answerText = (call: HypercallContext, text: string, length: number): number =>
  answerWith(call, textBytes(text, length));

const answerView = (call: HypercallContext, view: DataView): number =>
  call.guest.write(call.argument(1), view) ? 0 : -EFAULT;

const compileInfo = (call: HypercallContext): number => {
  const view = new DataView(new ArrayBuffer(XEN_COMPILE_INFO.size(call.width)));
  XEN_COMPILE_INFO.write(view, 0, call.width, COMPILE_INFO);
  return answerView(call, view);
};

const platformParameters = (call: HypercallContext): number => {
  const view = new DataView(new ArrayBuffer(XEN_PLATFORM_PARAMETERS.size(call.width)));
  XEN_PLATFORM_PARAMETERS.write(view, 0, call.width, { virtStart: HYPERVISOR_RANGE[call.width].virtStart });
  return answerView(call, view);
};

const features = (call: HypercallContext): number => {
  const view = call.guest.read(call.argument(1), XEN_FEATURE_INFO.size(call.width));
  if (view === null) return -EFAULT;
  const { submapIdx } = XEN_FEATURE_INFO.read(view, 0, call.width);
  if (submapIdx >= XENFEAT_NR_SUBMAPS) return -EINVAL;
  XEN_FEATURE_INFO.update(view, 0, call.width, { submap: featuresOf(call.domain) });
  return answerView(call, view);
};

/**
 * xen_version(command, argument): what this hypervisor is. XENVER_version is also the cheapest call there is: guests make it
 * only to have pending events looked for. [XEN version.h]
 */
export const createXenVersion = (): Hypercall => ({
  number: __HYPERVISOR_xen_version,
  handle(call) {
    switch (call.argument32(0)) {
      case XENVER_version:
        return VERSION_ANSWER;
      case XENVER_extraversion:
        return answerText(call, XEN_VERSION.extra, XEN_EXTRAVERSION_LEN);
      case XENVER_compile_info:
        return compileInfo(call);
      case XENVER_capabilities:
        return answerText(call, CAPABILITIES[call.width], XEN_CAPABILITIES_INFO_LEN);
      case XENVER_changeset:
        return answerText(call, "", XEN_CHANGESET_INFO_LEN);
      case XENVER_platform_parameters:
        return platformParameters(call);
      case XENVER_get_features:
        return features(call);
      case XENVER_pagesize:
        return call.argument(1) === 0 ? PAGE_SIZE : -EINVAL;
      case XENVER_guest_handle:
        return answerWith(
          call,
          Uint8Array.from(call.domain.uuid, (byte) => byte.charCodeAt(0)),
        );
      case XENVER_commandline:
        return call.domain.privileged
          ? answerText(call, "", XEN_COMMANDLINE_LEN)
          : answerText(call, DENIED, DENIED.length + 1);
      case XENVER_build_id:
        return call.domain.privileged ? -ENODATA : -EPERM;
      default:
        return -ENOSYS;
    }
  },
});
