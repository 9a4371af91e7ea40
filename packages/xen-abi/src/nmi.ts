import { address, padded } from "./fields.ts";
import { type Struct, struct } from "./struct.ts";
import { longBytes } from "./width.ts";

/** Sub-operations of nmi_op. [XEN nmi.h] */
export const XENNMI_register_callback = 0;
export const XENNMI_unregister_callback = 1;

/** Bits of `nmi_reason` in shared_info. */
export const XEN_NMIREASON_io_error = 1;
export const XEN_NMIREASON_pci_serr = 2;
export const XEN_NMIREASON_unknown = 4;

/** `struct xennmi_callback`: handler_address @0; 8 or 16 bytes. */
export interface XennmiCallback {
  readonly handlerAddress: number;
}
/** Layout and codec of {@link XennmiCallback}. */
export const XENNMI_CALLBACK: Struct<XennmiCallback> = struct<XennmiCallback>({
  handlerAddress: padded(address, (width) => 2 * longBytes(width)),
});
