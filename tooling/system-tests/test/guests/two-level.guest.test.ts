import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createNodeHost } from "@xenolith/host/node";
import type { DomId } from "@xenolith/xen-abi";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { scratchFolder } from "./support/disk-image.ts";
import { runTask } from "./support/linux-host.ts";

const BUILD = fileURLToPath(new URL("two-level/build.sh", import.meta.url));
const PARTS = [
  "machine-to-physical table",
  "tables of one's own",
  "refusals",
  "writable page tables",
  "another root",
  "several calls at once, and the balloon",
  "a GDT of one's own",
  "an LDT",
  "floating point",
  "a process, entered by the hypercall iret",
  "a process, entered by the instruction iret",
  "the timer",
];
const done = (parts: readonly string[]): string[] => parts.map((part) => `${part}: ok`);
const END = "all is as it should be";

const hasCompiler =
  spawnSync("gcc", ["-m32", "-c", "-x", "c", "-o", "/dev/null", "/dev/null"], { stdio: "ignore" }).status ===
  0;

/** A kernel in C and assembly for x86_32 with two levels of page tables, which looks at all that it is promised. */
describe("a kernel compiled for two levels of page tables", () => {
  const folder = scratchFolder();
  const image = join(folder.path, "two-level.elf");
  let kernel = new Uint8Array();
  afterAll(folder.remove);
  beforeAll(() => {
    if (!hasCompiler) return;
    const built = spawnSync("sh", [BUILD, image], { encoding: "utf8" });
    if (built.status !== 0) throw new Error(`the kernel cannot be built: ${built.stderr}`);
    kernel = new Uint8Array(readFileSync(image));
  });
  beforeEach((ctx) => {
    if (!hasCompiler) ctx.skip("there is no gcc that compiles for 32 bits (Debian: gcc and gcc-multilib)");
  });

  /** Runs kernels together on a host until all have ended. @returns what each wrote, by lines, and how it ended */
  const run = async (count: number, alarms: boolean, engine: "auto" | "interpreter", cpuCount = 1) => {
    const failures: unknown[] = [];
    const onFailure = (error: unknown): void => void failures.push(error);
    const host = createNodeHost({ memoryMiB: 64, seed: 1, clock: "virtual", engine, cpuCount, onFailure });
    const texts = new Map<DomId, string>();
    for (let index = 0; index < count; index++) {
      const config = {
        name: `kernel-${index}`,
        payload: { kind: "image" as const, kernel, ramdisk: null },
        commandLine: "",
        memoryMiB: 8,
        vcpus: 1,
        alarms,
        disks: [],
        scheduling: {},
      };
      const domain = await runTask(host, host.toolstack.create(config, { paused: true }));
      texts.set(domain, "");
      host.terminal(domain).onOutput((bytes) => {
        texts.set(domain, texts.get(domain) + new TextDecoder().decode(bytes));
      });
    }
    for (const domain of texts.keys()) host.control.unpause(domain);
    await host.run({ untilNs: host.clock.now() + 2_000_000_000 });
    expect(failures).toEqual([]);
    return [...texts].map(([domain, text]) => ({
      lines: text.trimEnd().split(/\r?\n/),
      reason: host.control.describe(domain)?.shutdownReason,
      instructions: host.control.describe(domain)?.instructions,
    }));
  };

  it("finds everything in order, in either engine after as many instructions", async () => {
    const [translated, interpreted] = [await run(1, false, "auto"), await run(1, false, "interpreter")];
    expect(translated).toEqual([
      {
        lines: [...done(PARTS), "there are no alarms", END],
        reason: "poweroff",
        instructions: expect.any(Number),
      },
    ]);
    expect(interpreted).toEqual(translated);
  });

  it.each([
    [1, 1],
    [3, 1],
    [3, 2],
  ])(
    "has alarms of its virtual time, which goes on only while it executes: %i at once on %i CPUs",
    async (count, cpuCount) => {
      const waited: number[] = [];
      for (const { lines, reason } of await run(count, true, "auto", cpuCount)) {
        const measured = lines.splice(-2, 1)[0];
        expect(lines).toEqual([...done([...PARTS, "alarms of real and of virtual time"]), END]);
        expect(reason).toBe("poweroff");
        const [real = 0, virtual] = [...(measured ?? "").matchAll(/\d+/g)].map(Number);
        expect(virtual).toBe(60_000);
        waited.push(real - 60_000);
      }
      if (count === cpuCount) expect(Math.max(...waited)).toBeLessThan(100);
      else expect(Math.max(...waited), "they wait for one another").toBeGreaterThan(10_000);
    },
  );
});
