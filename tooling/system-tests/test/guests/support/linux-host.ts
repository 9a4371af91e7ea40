import { readFileSync } from "node:fs";
import type { ShutdownReason } from "@xenolith/domain-interface/control";
import type { Host } from "@xenolith/host";
import { createNodeHost, type NodeHostOptions } from "@xenolith/host/node";
import type { DiskConfig, DomainConfig } from "@xenolith/toolstack";
import type { DomId } from "@xenolith/xen-abi";

/** What no Linux may write: signs that the kernel is not content. */
export const COMPLAINT: RegExp = /^\[.*(WARNING:|BUG:|Oops|lockup|detected stall|Call Trace)/m;

const SECOND_NS = 1_000_000_000;
/** How often a condition is looked at, in virtual time. */
const LOOK_NS = 10_000_000;

/** A Linux to be booted. */
export interface LinuxOptions {
  readonly name: string;
  /** Paths of the kernel and of its initial file system. */
  readonly kernel: string;
  readonly ramdisk: string;
  /** What the kernel is told beside its console. */
  readonly commandLine?: string;
  readonly memoryMiB?: number;
  readonly vcpus?: number;
  readonly disks?: readonly DiskConfig[];
  /** More of the domain's configuration. */
  readonly config?: Partial<DomainConfig>;
}

/** A Linux with its console. */
export interface LinuxDomain {
  readonly name: string;
  /** Its present identifier: a restart gives another. */
  readonly domain: DomId;
  /** All that it has written. */
  readonly text: string;
  /** Types a line at its shell. */
  type(line: string): void;
  /** Types a line and runs until its output, from after its echo to the next prompt, is there. */
  ask(line: string, limitSeconds?: number): Promise<string>;
  /** Runs until it has written something, from a place in its text on. */
  wrote(sign: RegExp, limitSeconds?: number, from?: number): Promise<void>;
  /** Runs until it has stopped. @returns why. */
  stopped(limitSeconds?: number): Promise<ShutdownReason | null>;
  /** Makes it anew in its place, and runs until it is at its shell. */
  restart(): Promise<void>;
}

/** A host under the virtual clock whose domains are Linux. */
export interface LinuxHost {
  readonly host: Host;
  /** Makes a domain, without waiting for it. */
  start(options: LinuxOptions): Promise<LinuxDomain>;
  /** Makes a domain and runs until it is at its shell. */
  boot(options: LinuxOptions): Promise<LinuxDomain>;
  /** Runs until a condition holds. @throws Error that says what did not happen within so many seconds of virtual time. */
  until(holds: () => boolean, what: string, limitSeconds?: number): Promise<void>;
  /** Runs for a while of virtual time. */
  runFor(seconds: number): Promise<void>;
  /** Runs until a task of the toolstack is done. */
  during<Result>(task: Promise<Result>): Promise<Result>;
}

const PROMPT = /^\/ # $/m;
/** Line ends of terminals, and the shell's question where the cursor is. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: an escape sequence is what this takes away
const NOT_TEXT = /\r|\x1b\[6n/g;
const DEFAULT_LIMIT_S = 60;

/**
 * Runs a host until a task of its toolstack is done, whatever that waits for beside the host.
 * @throws what the task throws.
 */
export const runTask = async <Result>(host: Host, task: Promise<Result>): Promise<Result> => {
  let isDone = false;
  const watched = task.finally(() => {
    isDone = true;
  });
  // Whoever waits for the task learns of its failure below.
  watched.catch(() => {});
  while (!isDone) await host.run({ untilNs: host.clock.now() + LOOK_NS });
  return watched;
};

/** Makes a host for Linux domains. */
export const createLinuxHost = (options: Omit<NodeHostOptions, "clock" | "onFailure">): LinuxHost => {
  let failure: unknown = null;
  const host = createNodeHost({
    ...options,
    clock: "virtual",
    onFailure: (error) => {
      failure = error;
      host.stop();
    },
  });
  const step = async (): Promise<void> => {
    await host.run({ untilNs: host.clock.now() + LOOK_NS });
    if (failure !== null) throw failure;
  };
  const until: LinuxHost["until"] = async (holds, what, limitSeconds = DEFAULT_LIMIT_S) => {
    const limitNs = host.clock.now() + limitSeconds * SECOND_NS;
    while (!holds()) {
      if (host.clock.now() >= limitNs) throw new Error(`${what}: not within ${limitSeconds} virtual seconds`);
      await step();
    }
  };
  const during: LinuxHost["during"] = async (task) => {
    const result = await runTask(host, task);
    if (failure !== null) throw failure;
    return result;
  };

  const start = async (linux: LinuxOptions): Promise<LinuxDomain> => {
    let domain = await during(
      host.toolstack.create({
        name: linux.name,
        payload: {
          kind: "image",
          kernel: new Uint8Array(readFileSync(linux.kernel)),
          ramdisk: new Uint8Array(readFileSync(linux.ramdisk)),
        },
        commandLine: `console=hvc0 cryptomgr.notests ${linux.commandLine ?? "nr_cpus=1"}`,
        memoryMiB: linux.memoryMiB ?? 128,
        vcpus: linux.vcpus ?? 1,
        disks: linux.disks ?? [],
        scheduling: {},
        ...linux.config,
      }),
    );
    let output = "";
    const terminal = host.terminal(domain);
    terminal.onOutput((bytes) => {
      output += Buffer.from(bytes).toString("latin1");
    });
    const text = (): string => output.replaceAll(NOT_TEXT, "");
    const type = (line: string): void => terminal.type(new TextEncoder().encode(`${line}\n`));
    const wrote: LinuxDomain["wrote"] = (sign, limitSeconds, from = 0) =>
      until(() => sign.test(text().slice(from)), `${linux.name} writes ${sign.source}`, limitSeconds);
    return {
      name: linux.name,
      get domain() {
        return domain;
      },
      get text() {
        return text();
      },
      type,
      wrote,
      stopped: async (limitSeconds) => {
        const describe = () => host.control.describe(domain);
        await until(() => describe()?.state === "shutdown", `${linux.name} stops`, limitSeconds);
        return describe()?.shutdownReason ?? null;
      },
      restart: async () => {
        const from = text().length;
        domain = await during(host.toolstack.restart(domain, { paused: true }));
        terminal.moveTo(domain);
        host.control.unpause(domain);
        await wrote(PROMPT, DEFAULT_LIMIT_S, from);
      },
      ask: async (line, limitSeconds) => {
        const from = text().length;
        type(line);
        await wrote(PROMPT, limitSeconds, from);
        const answer = text().slice(from);
        return answer.slice(answer.indexOf("\n") + 1).replace(PROMPT, "");
      },
    };
  };
  const boot: LinuxHost["boot"] = async (linux) => {
    const domain = await start(linux);
    await domain.wrote(PROMPT);
    return domain;
  };
  return {
    host,
    start,
    boot,
    until,
    during,
    runFor: async (seconds) => {
      const endNs = host.clock.now() + seconds * SECOND_NS;
      await until(() => host.clock.now() >= endNs, "time", 2 * seconds + 1);
    },
  };
};
