import { DOMID_FIRST_RESERVED, DOMID_SELF, type DomId, toDomId } from "@xenolith/xen-abi";
import type { Domain } from "./domain.ts";

/** All domains there are, dying ones included, by identifier. */
export interface DomainList {
  add(domain: Domain): void;
  remove(domain: Domain): void;
  get(id: DomId): Domain | null;
  /** The domain a guest means: DOMID_SELF is the caller. Dying domains are not found. */
  resolve(caller: Domain, id: DomId): Domain | null;
  /** As {@link resolve}, where a domain cannot mean itself by DOMID_SELF. */
  resolveRemote(id: DomId): Domain | null;
  /** In order of their identifiers. */
  all(): Domain[];
  /** An identifier that is free and was not used lately, or null. */
  freeId(): DomId | null;
}

/** Makes an empty list. */
export const createDomainList = (): DomainList => {
  const domains = new Map<DomId, Domain>();
  let lastId = -1;

  const alive = (domain: Domain | undefined): Domain | null =>
    domain === undefined || domain.dying ? null : domain;

  return {
    add(domain) {
      domains.set(domain.id, domain);
      lastId = domain.id;
    },
    remove(domain) {
      domains.delete(domain.id);
    },
    get: (id) => domains.get(id) ?? null,
    resolve: (caller, id) => (id === DOMID_SELF ? caller : alive(domains.get(id))),
    resolveRemote: (id) => alive(domains.get(id)),
    all: () => [...domains.values()].sort((a, b) => a.id - b.id),
    freeId() {
      for (let step = 1; step <= DOMID_FIRST_RESERVED; step++) {
        const candidate = toDomId((lastId + step) % DOMID_FIRST_RESERVED);
        if (!domains.has(candidate)) return candidate;
      }
      return null;
    },
  };
};
