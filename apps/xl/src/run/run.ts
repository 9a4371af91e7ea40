import { closeSync, openSync, writeFileSync, writeSync } from "node:fs";
import type { CrashReport, ShutdownReason } from "@xenolith/domain-interface/control";
import type { Host } from "@xenolith/host";
import { createNodeHost } from "@xenolith/host/node";
import { dumpCore } from "@xenolith/toolstack";
import type { DomId } from "@xenolith/xen-abi";
import { attachConsole, prepareInput } from "./console.ts";
import { EXIT_CODE } from "./exit-code.ts";
import type { RunOptions } from "./options.ts";
import { type RunInputs, readInputs } from "./read-inputs.ts";

/** Memory of a private host beside its one domain: tables of the hypervisor and the control domain. */
const HOST_OVERHEAD_MIB = 32;

/** How a run ended. */
interface Outcome {
  readonly reason: ShutdownReason | "timeout" | "idle" | "escape";
  readonly crash: CrashReport | null;
}

const say = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

const watchForEnd = (host: Host, domain: () => DomId | null): (() => Outcome | null) => {
  let outcome: Outcome | null = null;
  host.control.onChange((changed, change) => {
    if (change !== "shutdown" || changed !== domain()) return;
    const description = host.control.describe(changed);
    outcome = { reason: description?.shutdownReason ?? "crash", crash: description?.crash ?? null };
    host.stop();
  });
  return () => outcome;
};

const report = ({ reason, crash }: Outcome, options: RunOptions): number => {
  switch (reason) {
    case "poweroff":
      return EXIT_CODE.poweredOff;
    case "timeout":
      say(`xl run: ${options.kernel}: still running after ${options.timeoutSeconds} s`);
      return EXIT_CODE.timedOut;
    case "escape":
      say(`\nxl run: ${options.kernel}: stopped by Ctrl+]`);
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

const writeStats = (host: Host, domain: DomId, outcome: Outcome, startMs: number, path: string): void => {
  const description = host.control.describe(domain);
  const stats = {
    reason: outcome.reason,
    instructions: description?.instructions ?? 0,
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

const runDomain = async (
  options: RunOptions,
  clock: "virtual" | "real",
  inputs: RunInputs,
): Promise<number> => {
  const startMs = performance.now();
  const input = await prepareInput(clock);
  let failure: unknown = null;
  const host = createNodeHost({
    memoryMiB: options.memoryMiB + HOST_OVERHEAD_MIB,
    seed: options.seed,
    clock,
    engine: options.engine,
    scheduler: options.scheduler,
    cpuCount: options.cpuCount,
    onFailure: (error) => {
      failure = error;
      host.stop();
    },
  });
  let domain: DomId | null = null;
  const endOf = watchForEnd(host, () => domain);
  const running = host.run();
  let detach = (): void => {};
  /** What ended the run if the domain itself did not. */
  let interruption: "timeout" | "idle" | "escape" = "idle";
  const timer = setTimeout(
    () => {
      interruption = "timeout";
      host.stop();
    },
    options.timeoutSeconds === null ? 0x7fff_ffff : options.timeoutSeconds * 1000,
  );
  try {
    const created = await host.toolstack.create(
      {
        name: "run",
        payload: { kind: "image", kernel: inputs.kernel, ramdisk: inputs.ramdisk },
        commandLine: options.commandLine,
        memoryMiB: options.memoryMiB,
        vcpus: options.vcpus,
        disks: inputs.disks,
        scheduling: {},
      },
      { paused: true },
    );
    domain = created;
    detach = attachConsole(host.terminal(created), input, () => {
      interruption = "escape";
      host.stop();
    });
    host.control.unpause(created);
    await running;
    if (failure !== null) throw failure;
    const outcome = endOf() ?? { reason: interruption, crash: null };
    if (options.core !== null && outcome.crash !== null) writeCoreFile(host, created, options.core);
    if (options.stats !== null) writeStats(host, created, outcome, startMs, options.stats);
    return report(outcome, options);
  } finally {
    clearTimeout(timer);
    detach();
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
