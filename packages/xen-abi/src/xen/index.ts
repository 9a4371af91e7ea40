export {
  DOMID_COW,
  DOMID_FIRST_RESERVED,
  DOMID_IDLE,
  DOMID_INVALID,
  DOMID_IO,
  DOMID_SELF,
  DOMID_XEN,
} from "../ids.ts";
export * from "./assists.ts";
export * from "./hypercalls.ts";
export * from "./mmu.ts";
export * from "./multicall.ts";
export * from "./virq.ts";
