import { closeSync, openSync, writeFileSync, writeSync } from "node:fs";
import type { Host, Terminal } from "@xenolith/host";
import { createNodeHost, preferMainThread } from "@xenolith/host/node";
import { type DomainConfig, dumpCore } from "@xenolith/toolstack";
import { type DomId, toVcpuIndex } from "@xenolith/xen-abi";
import { attachConsole, type ConsoleInput, prepareInput } from "./console.ts";
import { EXIT_CODE } from "./exit-code.ts";
import { createLife, type Life, type Outcome } from "./life.ts";
import type { RunOptions } from "./options.ts";
import { type RunInputs, readInputs } from "./read-inputs.ts";
import { openTranslations } from "./translations.ts";

/** Memory of a private host beside its one domain: tables of the hypervisor and the control domain. */
const HOST_OVERHEAD_MIB = 32;

/** What is kept of the last that a domain wrote by console_io. */
const MOST_EMERGENCY_BYTES = 16_384;

const say = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

const report = ({ reason, crash }: Outcome, options: RunOptions): number => {
  switch (reason) {
    case "poweroff":
      return EXIT_CODE.poweredOff;
    case "timeout":
      say(`xl run: ${options.kernel}: still running after ${options.timeoutSeconds} s`);
      return EXIT_CODE.timedOut;
    case "escape":
      say(`\nxl run: ${options.kernel}: ended from outside`);
      return EXIT_CODE.timedOut;
    case "idle":
      say(`xl run: ${options.kernel}: waits for input that will never come`);
      return EXIT_CODE.timedOut;
    case "reboot":
    case "suspend":
    case "soft-reset":
      say(`xl run: ${options.kernel}: asked for ${reason}`);
      return EXIT_CODE.poweredOff;
    default:
      say(`xl run: ${options.kernel}: ${crash === null ? reason : `crashed: ${crash.reason}`}`);
      if (crash !== null) say(crash.registers.trimEnd());
      return EXIT_CODE.crashed;
  }
};

const writeStats = (host: Host, life: Life, outcome: Outcome, startMs: number, path: string): void => {
  const description = life.domain === null ? null : host.control.describe(life.domain);
  const stats = {
    reason: outcome.reason,
    instructions: life.earlierInstructions + (description?.instructions ?? 0),
    cpuNs: description?.cpuNs ?? 0,
    virtualNs: host.clock.now(),
    wallMs: Math.round(performance.now() - startMs),
    residentBytes: process.memoryUsage().rss,
  };
  writeFileSync(path, `${JSON.stringify(stats, null, 2)}\n`);
};

const writeCoreFile = (host: Host, domain: DomId, path: string): void => {
  const file = openSync(path, "w");
  try {
    for (const piece of dumpCore(host.control, domain) ?? []) writeSync(file, piece);
  } finally {
    closeSync(file);
  }
};

const configOf = (options: RunOptions, inputs: RunInputs): DomainConfig => ({
  name: "run",
  payload: { kind: "image", kernel: inputs.kernel, ramdisk: inputs.ramdisk },
  commandLine: options.commandLine,
  memoryMiB: options.memoryMiB,
  maximumMemoryMiB: options.maximumMemoryMiB,
  vcpus: options.vcpus,
  alarms: options.alarms,
  disks: inputs.disks,
  scheduling: {},
});

/** Joins the console of a domain, and of those made in its place, with stdin and stdout. */
const createConsole = (host: Host, input: ConsoleInput, onEscape: () => void) => {
  let terminal: Terminal | null = null;
  let undo = (): void => {};
  return {
    follow(domain: DomId): void {
      if (terminal !== null) {
        terminal.moveTo(domain);
        return;
      }
      terminal = host.terminal(domain);
      undo = attachConsole(terminal, input, onEscape);
    },
    detach: (): void => undo(),
  };
};

const runDomain = async (
  options: RunOptions,
  clock: "virtual" | "real",
  inputs: RunInputs,
): Promise<number> => {
  const startMs = performance.now();
  const input = await prepareInput(clock);
  let failure: unknown = null;
  let emergency = Buffer.alloc(0);
  preferMainThread();
  const translationArchive = openTranslations(options.translations);
  const host = createNodeHost({
    memoryMiB: options.maximumMemoryMiB + HOST_OVERHEAD_MIB,
    seed: options.seed,
    clock,
    engine: options.engine,
    ...(translationArchive === null ? {} : { translationArchive }),
    scheduler: options.scheduler,
    cpuCount: options.cpuCount,
    onFailure: (error) => {
      failure = error;
      life.end("escape");
    },
    onEmergencyOutput: (_domain, bytes) => {
      emergency = Buffer.concat([emergency, bytes]).subarray(-MOST_EMERGENCY_BYTES);
    },
  });
  const console = createConsole(host, input, () => life.end("escape"));
  const life = createLife({
    host,
    config: configOf(options, inputs),
    restarts: options.onReboot === "restart",
    commands: options.commands,
    onStart: (domain) => console.follow(domain),
    say,
  });
  const timer = setTimeout(
    () => life.end("timeout"),
    options.timeoutSeconds === null ? 0x7fff_ffff : options.timeoutSeconds * 1000,
  );
  /** The first asks the domain to power off, the second ends the run. */
  let isAsked = false;
  const onTerminate = (): void => {
    if (isAsked) life.end("escape");
    else life.command({ kind: "shutdown" }, "SIGTERM");
    isAsked = true;
  };
  process.on("SIGTERM", onTerminate);
  try {
    const outcome = await life.run();
    if (failure !== null) throw failure;
    if (options.core !== null && outcome.crash !== null && life.domain !== null)
      writeCoreFile(host, life.domain, options.core);
    // Said before there was a console, or in despair: it matters when there is something wrong.
    if (outcome.reason !== "poweroff" && emergency.length > 0) process.stderr.write(emergency);
    // Where a kernel that does not end is, is the first thing to know of it.
    if (outcome.reason === "timeout" && life.domain !== null)
      say(host.control.dumpRegisters(life.domain, toVcpuIndex(0)).trimEnd());
    if (options.stats !== null) writeStats(host, life, outcome, startMs, options.stats);
    return report(outcome, options);
  } finally {
    process.off("SIGTERM", onTerminate);
    clearTimeout(timer);
    console.detach();
    host.stop();
  }
};

/** Runs one domain on a private host until it stops. @returns the exit code. */
export const run = async (options: RunOptions): Promise<number> => {
  const clock = options.clock ?? (process.stdin.isTTY && process.stdout.isTTY ? "real" : "virtual");
  const inputs = await readInputs(options);
  try {
    return await runDomain(options, clock, inputs);
  } finally {
    await Promise.all(inputs.disks.map((disk) => disk.store.close()));
  }
};
