import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { UsageError } from "../usage-error.ts";
import { SESSION_LINE, type Session, watchSession } from "./session.ts";

/** Something that boots Linux. */
export interface LinuxRunner {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Whether it wants its input before it begins: under a virtual clock nothing says when a person would have typed. */
  readonly isTypedAhead: boolean;
  /** Whether a session that is not measured comes first. */
  readonly hasTrial: boolean;
  /** Why it cannot run here, or null. */
  readonly problem: string | null;
}

const ROOT = fileURLToPath(new URL("../../../..", import.meta.url));
const MEMORY_MIB = "256";
/** What the kernel is told beside its console: the same everywhere. */
const KERNEL_OPTIONS = "nr_cpus=1 cryptomgr.notests";

/**
 * All runners, those that cannot run among them. `again` is `xenolith` with the translations of earlier sessions.
 * @throws UsageError when the guests are missing.
 */
export const linuxRunners = (guests: string): readonly LinuxRunner[] => {
  const kernel = join(guests, "vmlinuz");
  const ramdisk = join(guests, "initrd-shell.gz");
  for (const path of [kernel, ramdisk])
    if (!existsSync(path)) throw new UsageError(`${path} is missing: run pnpm guests`);
  const kept = mkdtempSync(join(tmpdir(), "translations-"));
  process.once("exit", () => rmSync(kept, { recursive: true, force: true }));
  const own = (name: string, engine: string, translations: string): LinuxRunner => ({
    name,
    command: process.execPath,
    args: [
      join(ROOT, "tooling/scripts/launch.mjs"),
      ...["apps/xl", "run", kernel, "--ramdisk", ramdisk, "--memory", MEMORY_MIB],
      ...["--cmdline", `console=hvc0 ${KERNEL_OPTIONS}`, "--clock", "virtual", "--engine", engine],
      ...["--translations", translations],
    ],
    isTypedAhead: true,
    hasTrial: false,
    problem: null,
  });
  const qemu = "qemu-system-x86_64";
  const isThere = spawnSync("sh", ["-c", `command -v ${qemu}`], { stdio: "ignore" }).status === 0;
  return [
    {
      name: "qemu",
      command: qemu,
      args: [
        ..."-accel tcg -nodefaults -display none -no-reboot -serial stdio -m".split(" "),
        ...[MEMORY_MIB, "-kernel", kernel, "-initrd", ramdisk],
        ...["-append", `console=ttyS0 ${KERNEL_OPTIONS}`],
      ],
      isTypedAhead: false,
      hasTrial: false,
      problem: isThere ? null : `there is no ${qemu}`,
    },
    own("xenolith", "auto", "none"),
    { ...own("again", "auto", kept), hasTrial: true },
    own("interpreter", "interpreter", "none"),
  ];
};

/** Boots Linux once, types the line at its shell, and stops the runner at the end of it or after `limitMs`. */
export const bootLinux = (runner: LinuxRunner, limitMs: number): Promise<Session> =>
  new Promise((resolve) => {
    const watch = watchSession();
    const startMs = performance.now();
    const child = spawn(runner.command, runner.args, { cwd: ROOT, stdio: ["pipe", "pipe", "ignore"] });
    let isTyped = runner.isTypedAhead;
    // A runner that ends early closes its input; what that means shows in its output.
    child.stdin.on("error", () => {});
    if (isTyped) child.stdin.end(`${SESSION_LINE}\n`);
    const limit = setTimeout(() => child.kill("SIGKILL"), limitMs);
    child.stdout.setEncoding("latin1");
    child.stdout.on("data", (text: string) => {
      watch.feed(text, performance.now() - startMs);
      if (watch.isAtShell && !isTyped) {
        isTyped = true;
        child.stdin.write(`${SESSION_LINE}\n`);
      }
      if (watch.isOver) child.kill("SIGKILL");
    });
    const finish = (): void => {
      clearTimeout(limit);
      resolve(watch.session);
    };
    child.on("error", finish);
    child.on("close", finish);
  });
