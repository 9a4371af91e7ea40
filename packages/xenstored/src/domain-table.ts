import type { ByteStream } from "@xenolith/backend-interface";
import type { Domain } from "@xenolith/domain-interface";
import {
  DOMID_FIRST_RESERVED,
  DOMID_SELF,
  type DomId,
  EINVAL,
  type Port,
  toDomId,
  toPort,
} from "@xenolith/xen-abi";
import type { Connection } from "./connection.ts";
import type { DomainRegistry } from "./execute.ts";
import { connectRing, type RingLink } from "./ring-link.ts";
import { type Database, INTRODUCE_DOMAIN, RELEASE_DOMAIN } from "./store/database.ts";
import type { Principal } from "./store/permissions.ts";

interface ServedDomain {
  readonly link: RingLink;
  readonly connection: Connection;
  /** Its end has been announced. */
  stopped: boolean;
}

/** What the table needs of the daemon. */
export interface DomainTableOptions {
  /** Domain the daemon lives in. */
  readonly home: Domain;
  readonly database: Database;
  readonly open: (stream: ByteStream, principal: Principal, link: RingLink | null) => Connection;
  readonly end: (connection: Connection) => void;
}

/** The domains that are served over their pages: for the host by calls, for clients by requests. */
export interface DomainTable {
  introduce(domain: DomId, remotePort: Port): number;
  release(domain: DomId): boolean;
  stopped(domain: DomId): void;
  /** Identifiers in the order of introduction. */
  list(): number[];
  readonly registry: Omit<DomainRegistry, "control">;
}

/** Makes an empty table. */
export const createDomainTable = ({ home, database, open, end }: DomainTableOptions): DomainTable => {
  const served = new Map<number, ServedDomain>();

  const disconnect = (domain: number, { link, connection }: ServedDomain): void => {
    served.delete(domain);
    end(connection);
    link.release();
  };
  const introduce = (domain: DomId, remotePort: Port): number => {
    if (domain === home.id || domain >= DOMID_FIRST_RESERVED) return -EINVAL;
    const known = served.get(domain);
    if (known !== undefined && !known.connection.ended) return known.link.rebind(remotePort);
    if (known !== undefined) disconnect(domain, known);
    const link = connectRing(home, domain, remotePort, () => connection.session.clear());
    if (typeof link === "number") return link;
    const connection = open(link.stream, { domain, privileged: false, target: null }, link);
    served.set(domain, { link, connection, stopped: false });
    database.announce(INTRODUCE_DOMAIN, null);
    return 0;
  };
  const release = (domain: number): boolean => {
    const known = served.get(domain);
    if (known === undefined) return false;
    disconnect(domain, known);
    for (const { connection } of served.values()) {
      if (connection.session.principal.target === domain) connection.session.setTarget(null);
    }
    database.forgetDomain(domain);
    database.announce(RELEASE_DOMAIN, null);
    return true;
  };

  return {
    introduce,
    release,
    list: () => [...served.keys()],
    stopped: (domain) => {
      const known = served.get(domain);
      if (known === undefined || known.stopped) return;
      known.stopped = true;
      database.announce(RELEASE_DOMAIN, null);
    },
    registry: {
      introduce: (domain, port) => (introduce(toDomId(domain), toPort(port)) < 0 ? "EINVAL" : null),
      release: (domain) => {
        if (domain === home.id) return "EINVAL";
        return release(domain) ? null : "ENOENT";
      },
      resume: (domain) => {
        const known = served.get(domain);
        if (known === undefined) return domain === home.id ? "EINVAL" : "ENOENT";
        known.stopped = false;
        return null;
      },
      setTarget: (domain, target) => {
        const known = served.get(domain);
        if (known === undefined || !served.has(target)) return "ENOENT";
        known.connection.session.setTarget(target);
        return null;
      },
      isIntroduced: (domain) => domain === home.id || domain === DOMID_SELF || served.has(domain),
    },
  };
};
