import type { ByteStream } from "@xenolith/backend-interface";
import type { Domain } from "@xenolith/domain-interface";
import type { TraceSink } from "@xenolith/trace";
import type { DomId, Port } from "@xenolith/xen-abi";
import type { XenstoredCosts } from "./costs.ts";
import type { Quotas } from "./quotas.ts";
import type { XenstoredStats } from "./stats.ts";

/** What a store is made with. */
export interface XenstoredOptions {
  /** Domain the daemon lives in: maps other domains' pages, binds their event channels, is charged. */
  readonly domain: Domain;
  /** Limits for clients that are not privileged; those not given are {@link DEFAULT_QUOTAS}. */
  readonly quotas?: Partial<Quotas>;
  readonly costs?: XenstoredCosts;
  readonly trace?: TraceSink;
}

/** Who a client on a stream is. */
export interface ClientIdentity {
  /** Relative paths start from this domain's directory; what it creates belongs to this domain. */
  readonly domain: DomId;
  /** May do everything to every node, and use the requests reserved for the control domain. */
  readonly privileged: boolean;
}

/**
 * The store and its daemon. All work happens in events and timers of its domain, a bounded piece at a time, in turn for all
 * connections. Nothing a client sends throws; what breaks the protocol ends that client's connection.
 */
export interface Xenstored {
  /** Serves a client over a stream until either end closes it. The stream's listener belongs to the daemon. */
  connect(stream: ByteStream, identity: ClientIdentity): void;
  /**
   * Serves a domain over the page that it has granted by GNTTAB_RESERVED_XENSTORE; `remotePort` is its unbound port. For a
   * domain that is already served it binds the port anew. Announces `@introduceDomain`.
   * @returns 0, or a negative number (GNTST_* or errno) with nothing left behind.
   */
  introduce(domain: DomId, remotePort: Port): number;
  /** Ends the service of a domain, removes what it owned and announces `@releaseDomain`. @returns false when unknown. */
  release(domain: DomId): boolean;
  /** A domain has shut down or crashed: announces `@releaseDomain`, once until a RESUME request. */
  domainStopped(domain: DomId): void;
  /** What it has done and holds. */
  readonly stats: XenstoredStats;
  /** Checks the store's own counts. @returns a sentence about what is wrong, or null. */
  check(): string | null;
}
