import { HostError } from "@xenolith/machine-interface";
import { silentTrace, type TraceEventId } from "@xenolith/trace";
import { DOMID_SELF, type DomId } from "@xenolith/xen-abi";
import { createGrantTable, type GrantTable } from "./grant-table.ts";
import { createSharedEntries, type SharedEntries } from "./shared-entries.ts";
import { GRANT_TABLE_TRACE } from "./trace.ts";
import type { GrantDomainOptions, GrantHost, GrantTableOptions } from "./types.ts";

const DEFAULT_MAXIMUM_FRAMES = 64;
const DEFAULT_MAXIMUM_MAPPINGS = 65_536;

/** All grant tables, and what every operation works with. */
export interface GrantContext {
  readonly host: GrantHost;
  readonly entries: SharedEntries;
  readonly tables: ReadonlyMap<DomId, GrantTable>;
  /** Makes a table of one frame. @returns null when there is no memory for it. */
  add(domain: DomId, options: GrantDomainOptions): GrantTable | null;
  /** The table of a domain. @throws HostError when it is unknown: the identifier is the hypervisor's own. */
  known(domain: DomId): GrantTable;
  /** The table of a living domain that a guest names by number; null when there is none. DOMID_SELF is not known here. */
  named(domain: DomId): GrantTable | null;
  /** As {@link named}, with DOMID_SELF for the caller. */
  find(caller: GrantTable, domain: DomId): GrantTable | null;
  remove(domain: DomId): void;
  traceMap(domain: DomId, granter: DomId, ref: number, status: number): void;
  traceUnmap(domain: DomId, granter: DomId, ref: number, status: number): void;
  traceCopy(domain: DomId, bytes: number, status: number): void;
}

/** Makes the context, without domains. */
export const createGrantContext = (host: GrantHost, options: GrantTableOptions): GrantContext => {
  const trace = options.trace ?? silentTrace;
  const mapId: TraceEventId = trace.define(GRANT_TABLE_TRACE.map);
  const unmapId: TraceEventId = trace.define(GRANT_TABLE_TRACE.unmap);
  const copyId: TraceEventId = trace.define(GRANT_TABLE_TRACE.copy);
  const tables = new Map<DomId, GrantTable>();

  const named = (id: DomId): GrantTable | null => {
    const table = tables.get(id);
    return table === undefined || table.dying ? null : table;
  };

  return {
    host,
    entries: createSharedEntries(host.memory),
    tables,
    add: (id, { privileged, maximumFrames, maximumMappings }) => {
      if (tables.has(id)) throw new HostError("domain-exists", `domain ${id} already has a grant table`);
      const first = host.frames.allocateShared(id);
      if (first === null) return null;
      const table = createGrantTable({
        id,
        privileged,
        maximumFrames: maximumFrames ?? DEFAULT_MAXIMUM_FRAMES,
        maximumMappings: maximumMappings ?? DEFAULT_MAXIMUM_MAPPINGS,
      });
      table.frames = [first];
      tables.set(id, table);
      return table;
    },
    known: (id) => {
      const table = tables.get(id);
      if (table === undefined) throw new HostError("unknown-domain", `domain ${id} has no grant table`);
      return table;
    },
    named,
    find: (caller, id) => (id === DOMID_SELF ? caller : named(id)),
    remove: (id) => {
      tables.delete(id);
    },
    traceMap: (domain, granter, ref, status) => {
      if (trace.on) trace.record(mapId, domain, granter, ref, status);
    },
    traceUnmap: (domain, granter, ref, status) => {
      if (trace.on) trace.record(unmapId, domain, granter, ref, status);
    },
    traceCopy: (domain, bytes, status) => {
      if (trace.on) trace.record(copyId, domain, bytes, status);
    },
  };
};
