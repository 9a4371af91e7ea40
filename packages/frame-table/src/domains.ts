import { HostError } from "@xenolith/machine-interface";
import type { DomId } from "@xenolith/xen-abi";
import { type TableRules, tableRules } from "./table-rules.ts";
import type { FrameDomainOptions } from "./types.ts";

/** What the frame table keeps of a domain. */
export interface FrameDomain {
  readonly id: DomId;
  readonly rules: TableRules;
  maximumPages: number;
  /** Frames owned, those of the monitor not counted. */
  pages: number;
  /** How far giving back has come: unpinning and releasing visit the frames in order. */
  relinquish: { phase: "unpin" | "release"; next: number };
}

/** The domains that may own frames. */
export interface FrameDomains {
  find(domain: DomId): FrameDomain | undefined;
  /** Like find. @throws HostError when the domain was never added: a mistake of the caller, who makes domains. */
  get(domain: DomId): FrameDomain;
  add(domain: DomId, options: FrameDomainOptions): void;
  remove(domain: DomId): void;
  all(): Iterable<FrameDomain>;
}

/** Makes an empty register of domains. */
export const createFrameDomains = (): FrameDomains => {
  const domains = new Map<DomId, FrameDomain>();
  return {
    find: (domain) => domains.get(domain),
    get(domain) {
      const found = domains.get(domain);
      if (found === undefined) throw new HostError("frame-domain", `the frame table has no domain ${domain}`);
      return found;
    },
    add(domain, { width, maximumPages }) {
      if (domains.has(domain))
        throw new HostError("frame-domain", `the frame table already has domain ${domain}`);
      domains.set(domain, {
        id: domain,
        rules: tableRules(width),
        maximumPages,
        pages: 0,
        relinquish: { phase: "unpin", next: 0 },
      });
    },
    remove(domain) {
      domains.delete(domain);
    },
    all: () => domains.values(),
  };
};
