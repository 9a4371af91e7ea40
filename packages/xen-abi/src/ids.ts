/** Brands for the identifiers of Xen's ABI. All of them are exact JavaScript numbers. */

declare const brand: unique symbol;
type Branded<Name extends string> = number & { readonly [brand]: Name };

/** Identifier of a domain, 16 bits; 0 is the initial domain. [XEN xen.h] */
export type DomId = Branded<"DomId">;

/** Pseudo-physical frame number: a guest's own, contiguous numbering of its frames. [XEN xen.h] */
export type Pfn = Branded<"Pfn">;

/** Event-channel port, local to one domain; 0 is never valid. [XEN event_channel.h] */
export type Port = Branded<"Port">;

/** Grant reference: index into the granting domain's grant table. [XEN grant_table.h] */
export type GrantRef = Branded<"GrantRef">;

/** Number of a VCPU within its domain, from 0. */
export type VcpuIndex = Branded<"VcpuIndex">;

/** Marks a plain number as a domain identifier. Unchecked. */
export const toDomId = (value: number): DomId => value as DomId;

/** Marks a plain number as a pseudo-physical frame number. Unchecked. */
export const toPfn = (value: number): Pfn => value as Pfn;

/** Marks a plain number as a port. Unchecked. */
export const toPort = (value: number): Port => value as Port;

/** Marks a plain number as a grant reference. Unchecked. */
export const toGrantRef = (value: number): GrantRef => value as GrantRef;

/** Marks a plain number as a VCPU's number. Unchecked. */
export const toVcpuIndex = (value: number): VcpuIndex => value as VcpuIndex;

/** Names of domains that are not domains. [XEN xen.h] */
export const DOMID_SELF: DomId = toDomId(0x7ff0);
export const DOMID_IO: DomId = toDomId(0x7ff1);
export const DOMID_XEN: DomId = toDomId(0x7ff2);
export const DOMID_COW: DomId = toDomId(0x7ff3);
export const DOMID_INVALID: DomId = toDomId(0x7ff4);
export const DOMID_IDLE: DomId = toDomId(0x7fff);
/** First identifier that is not an ordinary domain's. */
export const DOMID_FIRST_RESERVED: DomId = toDomId(0x7ff0);
