import { type ConsoleBackend, createConsoleBackend } from "@xenolith/consoleback";
import type { Domain } from "@xenolith/domain-interface";
import { HostError } from "@xenolith/machine-interface";
import type { ConsoleService } from "@xenolith/toolstack";
import type { TraceSink } from "@xenolith/trace";
import type { DomId } from "@xenolith/xen-abi";

/** Where consoles are served. */
export interface ConsolesOptions {
  readonly domain: Domain;
  readonly trace: TraceSink;
}

/** Consoles of all domains, by domain. A console outlives its domain until the domain is destroyed. */
export const createConsoles = ({ domain, trace }: ConsolesOptions): ConsoleService => {
  const backends = new Map<DomId, ConsoleBackend>();
  return {
    attach: (guest, reference, port) => {
      const backend = createConsoleBackend({ domain, guest, reference, port, trace });
      if (typeof backend === "number") {
        throw new HostError("console", `console of domain ${guest}: refused (error ${backend})`);
      }
      backends.set(guest, backend);
    },
    detach: (guest) => {
      backends.get(guest)?.close();
      backends.delete(guest);
    },
    find: (guest) => backends.get(guest) ?? null,
  };
};
