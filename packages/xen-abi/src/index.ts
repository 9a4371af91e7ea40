export * from "./errno.ts";
export type { Word64 } from "./fields.ts";
export {
  DOMID_COW,
  DOMID_FIRST_RESERVED,
  DOMID_IDLE,
  DOMID_INVALID,
  DOMID_IO,
  DOMID_SELF,
  DOMID_XEN,
  type DomId,
  type GrantRef,
  type Pfn,
  type Port,
  toDomId,
  toGrantRef,
  toPfn,
  toPort,
  toVcpuIndex,
  type VcpuIndex,
} from "./ids.ts";
export { type GuestWidth, longBytes } from "./width.ts";
