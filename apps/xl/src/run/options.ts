import { parseArgs } from "node:util";
import { SCHEDULER_NAMES, type SchedulerName } from "@xenolith/host";
import { UsageError } from "../usage-error.ts";
import { parseTimedCommand, type TimedCommand } from "./timed-commands.ts";

/** What `xl run` was asked to do. */
export interface RunOptions {
  readonly kernel: string;
  readonly ramdisk: string | null;
  readonly commandLine: string;
  readonly memoryMiB: number;
  /** Memory it may be told to take. */
  readonly maximumMemoryMiB: number;
  readonly vcpus: number;
  /** Whether the domain may make `alarm_op`. */
  readonly alarms: boolean;
  /** Disks in the toolstack's grammar. */
  readonly disks: readonly string[];
  /** Null: real on a terminal, virtual otherwise. */
  readonly clock: "virtual" | "real" | null;
  readonly scheduler: SchedulerName;
  /** Physical CPUs of the host. */
  readonly cpuCount: number;
  readonly engine: "auto" | "interpreter";
  /** Directory in which translations are kept for later runs; null: they are not. Undefined: the user's cache. */
  readonly translations: string | null | undefined;
  /** What becomes of a domain that asks for a reboot. */
  readonly onReboot: "restart" | "destroy";
  /** What is done to it from outside, in the order of time. */
  readonly commands: readonly TimedCommand[];
  /** Wall time after which to give up, or null. */
  readonly timeoutSeconds: number | null;
  /** File for figures of the run, or null. */
  readonly stats: string | null;
  /** File for the core of a domain that crashes, or null. */
  readonly core: string | null;
  readonly seed: number;
}

/** How `xl run` is called. */
export const RUN_USAGE = `usage: xl run KERNEL [--ramdisk FILE] [--cmdline TEXT] [--memory MiB] [--maxmem MiB] [--vcpus N] [--alarms]
              [--disk SPEC]... [--on-reboot restart|destroy] [--at "SECONDS COMMAND"]...
              [--clock virtual|real] [--engine auto|interpreter] [--translations DIR|none]
              [--scheduler bvt|atropos|rrobin|credit] [--cpus N] [--seed N] [--timeout SECONDS] [--stats FILE] [--core FILE]

Runs one domain on a private host until it stops. The domain's console is stdout and stdin; on a terminal,
Ctrl+] ends the run. SIGTERM asks the domain to power off, a second one ends the run.
--translations says where translated code is kept, so that the next run starts faster: by default in the user's cache.
--at carries out a command on it at a time of its host: shutdown, reboot, suspend, resume, pause,
unpause, mem-set MiB, sysrq KEY.
Exit code: 0 powered off, 1 crashed, 2 bad usage or image, 3 timed out or ended from outside.`;

const DEFAULT_MEMORY_MIB = 128;
const LARGEST_MEMORY_MIB = 3072;

const integer = (text: string, option: string, minimum: number, maximum: number): number => {
  const value = /^[0-9]{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= minimum && value <= maximum)) {
    throw new UsageError(`--${option} ${text}: a whole number from ${minimum} to ${maximum} is wanted`);
  }
  return value;
};

const oneOf = <Value extends string>(text: string, option: string, values: readonly Value[]): Value => {
  const found = values.find((value) => value === text);
  if (found === undefined) throw new UsageError(`--${option} ${text}: ${values.join(" or ")} is wanted`);
  return found;
};

const parse = (args: readonly string[]) => {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        ramdisk: { type: "string" },
        cmdline: { type: "string" },
        memory: { type: "string" },
        maxmem: { type: "string" },
        "on-reboot": { type: "string" },
        at: { type: "string", multiple: true },
        vcpus: { type: "string" },
        alarms: { type: "boolean" },
        disk: { type: "string", multiple: true },
        vif: { type: "string", multiple: true },
        clock: { type: "string" },
        scheduler: { type: "string" },
        cpus: { type: "string" },
        engine: { type: "string" },
        translations: { type: "string" },
        seed: { type: "string" },
        timeout: { type: "string" },
        stats: { type: "string" },
        core: { type: "string" },
      },
    });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new UsageError(/^.*?(?=\. |\.?\n|$)/.exec(error.message)?.[0] ?? error.message);
  }
};

/** Reads the arguments of `xl run`. @throws UsageError naming the argument. */
export const parseRunOptions = (args: readonly string[]): RunOptions => {
  const { values, positionals } = parse(args);
  const [kernel, extra] = positionals;
  if (kernel === undefined) throw new UsageError("no kernel given; see xl run --help");
  if (extra !== undefined) throw new UsageError(`${extra}: one kernel is enough`);
  if (values.vif !== undefined)
    throw new UsageError(`--vif ${values.vif[0]}: there are no network interfaces yet`);
  const memoryMiB = integer(values.memory ?? `${DEFAULT_MEMORY_MIB}`, "memory", 1, LARGEST_MEMORY_MIB);
  const commands = (values.at ?? []).map(parseTimedCommand);
  return {
    kernel,
    ramdisk: values.ramdisk ?? null,
    commandLine: values.cmdline ?? "",
    memoryMiB,
    maximumMemoryMiB:
      values.maxmem === undefined
        ? memoryMiB
        : integer(values.maxmem, "maxmem", memoryMiB, LARGEST_MEMORY_MIB),
    onReboot: oneOf(values["on-reboot"] ?? "restart", "on-reboot", ["restart", "destroy"]),
    commands: commands.sort((a, b) => a.atNs - b.atNs),
    vcpus: integer(values.vcpus ?? "1", "vcpus", 1, 32),
    alarms: values.alarms ?? false,
    disks: values.disk ?? [],
    clock: values.clock === undefined ? null : oneOf(values.clock, "clock", ["virtual", "real"] as const),
    scheduler: oneOf(values.scheduler ?? "bvt", "scheduler", SCHEDULER_NAMES),
    cpuCount: integer(values.cpus ?? "1", "cpus", 1, 64),
    engine: oneOf(values.engine ?? "auto", "engine", ["auto", "interpreter"]),
    translations: values.translations === "none" ? null : values.translations,
    timeoutSeconds: values.timeout === undefined ? null : integer(values.timeout, "timeout", 1, 1_000_000),
    stats: values.stats ?? null,
    core: values.core ?? null,
    seed: integer(values.seed ?? "1", "seed", 0, 0xffff_ffff),
  };
};
