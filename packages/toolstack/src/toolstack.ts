import type { DomId } from "@xenolith/xen-abi";
import { ConfigError } from "./config-error.ts";
import { createDomain, maximumMemoryMiB, PAGES_PER_MIB } from "./create.ts";
import type { DomainConfig, DomainConsole, ToolstackParts } from "./parts.ts";
import { domainPath, machinePath, memoryTargetPath } from "./store-nodes.ts";

/** A domain the toolstack has made. */
export interface NamedDomain {
  readonly domain: DomId;
  readonly name: string;
  readonly uuid: string;
}

/** Names, makes and ends domains. Policy lives here; the hypervisor below has none. */
export interface Toolstack {
  /** Makes a domain and lets it run, unless `paused`. @throws ConfigError with one line; nothing is left behind then. */
  create(config: DomainConfig, options?: { readonly paused?: boolean }): Promise<DomId>;
  /** Asks a domain to end, start again or stop for a while, by its `control/shutdown`. It does so when it likes, if it does. */
  ask(domain: DomId, what: "poweroff" | "reboot" | "suspend"): Promise<void>;
  /** Lets a domain go on that has suspended itself; `cancelled`: as if nothing had been. @throws ConfigError when it has not. */
  resume(domain: DomId, options?: { readonly cancelled?: boolean }): Promise<void>;
  /** Makes a domain anew from its configuration, in place of one that asked for a restart or is wedged. @returns the new one. */
  restart(domain: DomId, options?: { readonly paused?: boolean }): Promise<DomId>;
  /**
   * Says how much memory a domain shall have, by its `memory/target`: its balloon driver gives back what is too much, or takes
   * what is missing, in its own time. It gets no more than that from now on. @throws ConfigError beyond what it may ever have.
   */
  setMemory(domain: DomId, memoryMiB: number): Promise<void>;
  /** Sends a domain a key of Linux's magic SysRq, by its `control/sysrq`. @throws ConfigError when it is not one character. */
  sysrq(domain: DomId, key: string): Promise<void>;
  /** Ends a domain at once and removes all traces of it. */
  destroy(domain: DomId): Promise<void>;
  /** Domains made and not destroyed, in order of creation. */
  list(): NamedDomain[];
  /** Console of a domain, or null when it has none. */
  console(domain: DomId): DomainConsole | null;
  /** Name of a domain, or null. */
  nameOf(domain: DomId): string | null;
}

/** Makes a toolstack over a host's parts. */
export const createToolstack = (parts: ToolstackParts): Toolstack => {
  const domains = new Map<DomId, NamedDomain & { readonly config: DomainConfig }>();
  const pending = new Set<string>();

  const remove = async (domain: DomId, uuid: string): Promise<void> => {
    parts.disks.detach(domain);
    parts.consoles.detach(domain);
    await parts.store.release(domain);
    for (const path of [
      domainPath(domain),
      `${domainPath(parts.backendDomain)}/backend/vbd/${domain}`,
      machinePath(uuid),
    ]) {
      await parts.store.remove(path);
    }
    parts.control.destroy(domain);
  };

  const known = (domain: DomId): NamedDomain & { readonly config: DomainConfig } => {
    const found = domains.get(domain);
    if (found === undefined) throw new ConfigError(`domain ${domain}: there is none`);
    return found;
  };

  const destroy = async (domain: DomId): Promise<void> => {
    const { uuid } = known(domain);
    domains.delete(domain);
    await remove(domain, uuid);
  };

  const create: Toolstack["create"] = async (config, options = {}) => {
    const isTaken =
      pending.has(config.name) || [...domains.values()].some((other) => other.name === config.name);
    if (isTaken) throw new ConfigError(`name '${config.name}': there is a domain of this name`);
    pending.add(config.name);
    try {
      const { domain, uuid } = await createDomain(parts, config, remove);
      domains.set(domain, { domain, name: config.name, uuid, config });
      if (options.paused !== true) parts.control.unpause(domain);
      return domain;
    } finally {
      pending.delete(config.name);
    }
  };

  return {
    create,
    destroy,
    async ask(domain, what) {
      known(domain);
      await parts.store.write(`${domainPath(domain)}/control/shutdown`, what);
    },
    async resume(domain, { cancelled = false } = {}) {
      known(domain);
      if (parts.control.resume(domain, { cancelled }) < 0)
        throw new ConfigError(`domain ${domain}: it is not suspended`);
      await parts.store.resume(domain);
    },
    async restart(domain, options) {
      const { config } = known(domain);
      await destroy(domain);
      return create(config, options);
    },
    async setMemory(domain, memoryMiB) {
      const most = maximumMemoryMiB(known(domain).config);
      if (!Number.isInteger(memoryMiB) || memoryMiB < 1 || memoryMiB > most)
        throw new ConfigError(`memory: domain ${domain} can have 1 to ${most} MiB, not ${memoryMiB}`);
      parts.control.setMaximumPages(domain, memoryMiB * PAGES_PER_MIB);
      await parts.store.write(memoryTargetPath(domain), `${memoryMiB * 1024}`);
    },
    async sysrq(domain, key) {
      known(domain);
      if (!/^[\x21-\x7e]$/.test(key)) throw new ConfigError(`sysrq: '${key}' is not one character`);
      await parts.store.write(`${domainPath(domain)}/control/sysrq`, key);
    },
    list: () => [...domains.values()].map(({ domain, name, uuid }) => ({ domain, name, uuid })),
    console: (domain) => parts.consoles.find(domain),
    nameOf: (domain) => domains.get(domain)?.name ?? null,
  };
};
