import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("../../../..", import.meta.url));
const FOLDER = join(ROOT, "docs/examples/own-kernel");
const PAGE = readFileSync(join(ROOT, "docs/running-your-own-kernel.md"), "utf8");
const hasCompiler =
  spawnSync("gcc", ["-m64", "-E", "-x", "c", "/dev/null"], { stdio: "ignore" }).status === 0;

describe("the page about kernels of one's own", () => {
  it.each(["entry.S", "hello.c", "check.sh"])("shows %s as it is", (name) => {
    expect(PAGE).toContain(`\n${readFileSync(join(FOLDER, name), "utf8").trimEnd()}\n\`\`\``);
  });

  it.runIf(hasCompiler)("has a kernel that its script builds, runs and finds in order", () => {
    const out = mkdtempSync(join(tmpdir(), "own-kernel-"));
    const { INIT_CWD: _, ...environment } = process.env;
    try {
      const said = execFileSync("sh", [join(FOLDER, "check.sh")], {
        env: {
          ...environment,
          OUT: out,
          XL: `${process.execPath} ${ROOT}/tooling/scripts/launch.mjs apps/xl`,
        },
        encoding: "utf8",
      });
      expect(said).toBe("passed\n");
      expect(readFileSync(join(out, "console"), "utf8")).toBe("Hello from a kernel.\n");
    } finally {
      rmSync(out, { recursive: true });
    }
  });
});
