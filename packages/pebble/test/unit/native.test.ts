import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** -fno-builtin: the kernel has its own memcpy; -Wno-format: uint64_t is a long long in the kernel only. */
const FLAGS = ["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Wno-format", "-fno-builtin"];

const common = (...names: string[]): string[] => names.map((name) => `kernel/common/${name}.c`);

/** Parts of the kernel that run as ordinary programs, with the header directories that go first. */
const PROGRAMS = {
  pieces: {
    headers: [],
    sources: ["test/native/pieces.c", ...common("format", "text", "line", "crc32", "string")],
  },
  devices: {
    headers: ["test/native/fake"],
    sources: [
      "test/native/devices.c",
      "test/native/fake/machine.c",
      "test/native/fake/backends.c",
      ...common("console", "xenstore", "blkfront", "blkconnect", "grant"),
      ...common("format", "text", "crc32", "string"),
    ],
  },
};

describe.each(Object.entries(PROGRAMS))("%s, compiled for this machine", (name, { headers, sources }) => {
  it("passes its checks", (ctx) => {
    if (process.arch !== "x64") ctx.skip("the kernel's inline assembly is x86");
    if (spawnSync("gcc", ["--version"]).status !== 0) ctx.skip("no gcc here");
    const directory = mkdtempSync(join(tmpdir(), "pebble-"));
    try {
      const program = join(directory, name);
      const architecture = ["kernel/arch/x86_32p", "kernel/arch/i386"];
      const directories = [...headers, "kernel/include", ...architecture, "test/native"];
      const words = [...FLAGS, ...directories.map((path) => `-I${path}`), ...sources, "-o", program];
      const compiler = spawnSync("gcc", words, { cwd: root, encoding: "utf8" });
      expect(compiler.stderr).toBe("");
      const result = spawnSync(program, { encoding: "utf8", timeout: 20_000 });
      expect(result.stdout).toMatch(/^\d+ checks, 0 failures\n$/);
      expect(result.status).toBe(0);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
