import type { GuestWidth } from "../width.ts";

/** Values of the store node `protocol`, by which a front end says the layout of its ring. [XEN io/protocols.h] */
export const XEN_IO_PROTO_ABI_X86_32 = "x86_32-abi";
export const XEN_IO_PROTO_ABI_X86_64 = "x86_64-abi";

/** The protocol that a guest of this width speaks by itself. */
export const nativeProtocol = (width: GuestWidth): string =>
  width === "x86_64" ? XEN_IO_PROTO_ABI_X86_64 : XEN_IO_PROTO_ABI_X86_32;

/** Width whose layout a `protocol` value names; null when it names none. Both 32-bit widths are alike on rings. */
export const protocolWidth = (protocol: string): GuestWidth | null => {
  if (protocol === XEN_IO_PROTO_ABI_X86_32) return "x86_32p";
  return protocol === XEN_IO_PROTO_ABI_X86_64 ? "x86_64" : null;
};
