import type { Host, RunEnd } from "@xenolith/host";
import { createNodeHost } from "@xenolith/host/node";
import type { DomainConfig } from "@xenolith/toolstack";
import { type DomId, toDomId } from "@xenolith/xen-abi";
import { type ConsoleText, createConsoleText } from "../model/console-text.ts";
import { createHostLog } from "../model/host-log.ts";
import { planDomains } from "./plan.ts";

/** Memory of the machine: the guests', the control domain's and the hypervisor's tables. */
const MEMORY_MIB = 64;
const CONTROL_DOMAIN = toDomId(0);
const CONTROL_DOMAIN_NAME = "Domain-0";

/** How the demo's host is made. */
export interface DemoHostOptions {
  readonly clock: "virtual" | "real";
  readonly seed: number;
  readonly spinMillions: number;
}

/** A domain's console, or what stands for it. */
export interface DemoConsole {
  readonly domain: DomId;
  readonly text: ConsoleText;
  /** Types into the console; null: it takes no input. */
  readonly type: ((bytes: Uint8Array) => void) | null;
  /** Whether what was typed has not been taken yet. */
  readonly keysWait: () => boolean;
}

/** The demo's host with all its domains. */
export interface DemoHost {
  readonly host: Host;
  /** One for each domain, in order of their identifiers; the control domain's is the host's log. */
  readonly consoles: readonly DemoConsole[];
  nameOf(domain: DomId): string;
  /** Runs the domains. @throws what went wrong inside the control domain. */
  run(options?: { readonly untilNs?: number }): Promise<RunEnd>;
}

const openConsole = (host: Host, domain: DomId): DemoConsole => {
  const terminal = host.terminal(domain);
  const text = createConsoleText();
  terminal.onOutput((bytes) => text.feed(bytes));
  return { domain, text, type: (bytes) => terminal.type(bytes), keysWait: () => !terminal.drained };
};

const describeConfig = (config: DomainConfig): string => {
  const kind = config.payload.kind === "image" ? "machine code" : "TypeScript";
  const disks = config.disks.length === 1 ? "a disk" : config.disks.length === 0 ? "no disk" : "disks";
  return `${config.name}, ${kind}, ${config.memoryMiB} MiB, ${disks}, weight ${config.scheduling["weight"]}`;
};

/** Makes the host and creates its domains; they start with the first run. */
export const startDemoHost = async (options: DemoHostOptions): Promise<DemoHost> => {
  const failures: unknown[] = [];
  const host = createNodeHost({
    memoryMiB: MEMORY_MIB,
    seed: options.seed,
    clock: options.clock,
    onFailure: (error) => {
      failures.push(error);
      host.stop();
    },
  });
  const nameOf = (domain: DomId): string | null =>
    domain === CONTROL_DOMAIN ? CONTROL_DOMAIN_NAME : host.toolstack.nameOf(domain);
  const log = createHostLog({ control: host.control, clock: host.clock, nameOf });

  const run = async (limits?: { readonly untilNs?: number }): Promise<RunEnd> => {
    const end = await host.run(limits);
    if (failures.length > 0) throw failures[0];
    return end;
  };
  const create = async (): Promise<DomId[]> => {
    const domains: DomId[] = [];
    const plan = planDomains({
      spinMillions: options.spinMillions,
      onFailure: (error) => log.say(`reader: ${String(error)}`),
    });
    for (const config of plan) {
      const domain = await host.toolstack.create(config, { paused: true });
      log.say(`domain ${domain} is ${describeConfig(config)}`);
      domains.push(domain);
    }
    return domains;
  };

  // The store, without which nothing is created, works only while the host runs.
  const [, domains] = await Promise.all([run(), create().finally(() => host.stop())]);

  for (const domain of domains) host.control.unpause(domain);
  const controlConsole: DemoConsole = {
    domain: CONTROL_DOMAIN,
    text: log.text,
    type: null,
    keysWait: () => false,
  };
  return {
    host,
    consoles: [controlConsole, ...domains.map((domain) => openConsole(host, domain))],
    nameOf: (domain) => nameOf(domain) ?? `domain ${domain}`,
    run,
  };
};
