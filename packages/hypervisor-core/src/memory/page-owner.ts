import { DOMID_IO, DOMID_SELF, DOMID_XEN, type DomId, EPERM, ESRCH } from "@xenolith/xen-abi";
import type { Domain } from "../domain.ts";
import type { FindDomain } from "./parts.ts";

/**
 * Whose frames a memory hypercall is about, by the number its caller gave: itself as DOMID_SELF (its own number is no other
 * name for it here), the machine's I/O space, the monitor, or another domain.
 * @returns the owner, or -ESRCH.
 */
export const pageOwner = (caller: Domain, named: number, findDomain: FindDomain): DomId | number => {
  if (named === DOMID_SELF) return caller.id;
  if (named === caller.id) return -ESRCH;
  if (named === DOMID_IO || named === DOMID_XEN) return named;
  return findDomain(named as DomId)?.id ?? -ESRCH;
};

/** Whether a domain may act on what belongs to `owner`: 0, or -EPERM. */
export const permissionError = (caller: Domain, owner: DomId): number =>
  owner === caller.id || caller.privileged ? 0 : -EPERM;

/** The domain a number names, where one's own number is allowed as well as DOMID_SELF. @returns null when there is none. */
export const domainByAnyId = (caller: Domain, named: DomId, findDomain: FindDomain): Domain | null =>
  named === DOMID_SELF || named === caller.id ? caller : findDomain(named);
