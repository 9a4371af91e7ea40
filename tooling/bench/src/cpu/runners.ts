import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { X86_64_V2_MODEL } from "@xenolith/x86-cpu";
import { type Clock, type Run, readRun } from "./protocol.ts";
import type { Yardstick } from "./yardstick.ts";

/** Something that runs the yardstick. */
export interface Runner {
  readonly name: string;
  readonly clock: Clock;
  readonly command: string;
  /** Arguments for the sub-benchmarks whose names begin with `only`. */
  readonly args: (only: string) => readonly string[];
  /** Why it cannot run here, or null. */
  readonly problem: string | null;
}

const ROOT = fileURLToPath(new URL("../../../..", import.meta.url));
const STAMP: Clock = { kind: "stamp" };

/** The model that is raced. */
export const RACED_MODEL: string = X86_64_V2_MODEL.name;

const isOnPath = (command: string): boolean =>
  spawnSync("sh", ["-c", `command -v ${command}`], { stdio: "ignore" }).status === 0;

const NOT_BUILT = "there is no 64-bit image";

/** All runners, those that cannot run among them. */
export const runnersOf = (yardstick: Yardstick): readonly Runner[] => {
  const { directory, image, wideImage, wideImageAsNarrow, ticksPerMs } = yardstick;
  const tsc: Clock = { kind: "tsc", ticksPerMs };
  const peer = (name: string, file: string, clock: Clock, missing: string | null): Runner => {
    const command = join(directory, "runners", file);
    const problem = missing ?? (existsSync(command) ? null : `${command} is missing`);
    return { name, clock, command, args: (only) => [image, only], problem };
  };
  const own = (name: string, elf: string | null, engine: string): Runner => ({
    name,
    clock: STAMP,
    command: process.execPath,
    args: (only) => [
      join(ROOT, "tooling/scripts/launch.mjs"),
      "apps/bare",
      elf ?? "",
      ...["--cmdline", `o=${only}`, "--memory", "128", "--engine", engine, "--model", RACED_MODEL],
    ],
    problem: elf === null ? NOT_BUILT : null,
  });
  const qemu = (command: string): string | null => (isOnPath(command) ? null : `there is no ${command}`);
  const v86Package = join(directory, "peers/node_modules/v86");
  const v86 = existsSync(v86Package) ? null : `${v86Package} is missing`;
  const native = existsSync(join(directory, "out/native32")) ? null : "out/native32 is missing";
  const machine = "-accel tcg -cpu qemu64 -m 128 -nodefaults -display none -no-reboot -serial stdio".split(
    " ",
  );
  return [
    peer("native", "native32.sh", tsc, native),
    peer("native64", "native64.sh", tsc, native),
    peer("qemu", "qemu-tcg.sh", tsc, qemu("qemu-system-i386")),
    {
      name: "qemu64",
      clock: tsc,
      command: "qemu-system-x86_64",
      args: (only) => [...machine, "-kernel", wideImageAsNarrow ?? "", "-append", `o=${only}`],
      problem: wideImageAsNarrow === null ? NOT_BUILT : qemu("qemu-system-x86_64"),
    },
    peer("v86", "v86.sh", STAMP, v86),
    peer("v86-interpreter", "v86-nojit.sh", STAMP, v86),
    own("xenolith", image, "auto"),
    own("interpreter", image, "interpreter"),
    own("xenolith64", wideImage, "auto"),
    own("interpreter64", wideImage, "interpreter"),
  ];
};

/** Runs a runner once. It is stopped at `DONE`, or after `limitMs`. */
export const race = (runner: Runner, only: string, limitMs: number): Promise<Run> =>
  new Promise((resolve) => {
    const child = spawn(runner.command, runner.args(only), {
      cwd: ROOT,
      stdio: ["ignore", "pipe", "ignore"],
    });
    let text = "";
    const limit = setTimeout(() => child.kill("SIGKILL"), limitMs);
    child.stdout.setEncoding("latin1");
    child.stdout.on("data", (part: string) => {
      text += part;
      if (/^DONE/m.test(text.slice(-8))) child.kill("SIGKILL");
    });
    const finish = (): void => {
      clearTimeout(limit);
      resolve(readRun(text, runner.clock));
    };
    child.on("error", finish);
    child.on("close", finish);
  });
