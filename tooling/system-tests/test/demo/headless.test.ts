import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../../../..", import.meta.url));

const demo = (...args: string[]) => {
  const command = ["tooling/scripts/launch.mjs", "apps/demo", "--headless", ...args];
  const { status, stdout, stderr } = spawnSync(process.execPath, command, { cwd: root, encoding: "utf8" });
  return { status, stdout, stderr };
};

/** Rows of the table by name, split at blanks. */
const rowsOf = (stdout: string): Map<string, string[]> =>
  new Map(
    stdout
      .split("\n\n")[1]
      ?.split("\n")
      .slice(1)
      .map((row) => row.split(/\s+/))
      .map(([name = "", ...cells]) => [name, cells]),
  );

describe("the demo without a view", { timeout: 120_000 }, () => {
  let run: ReturnType<typeof demo>;
  beforeAll(() => {
    run = demo("--seconds", "1", "--seed", "3");
  }, 120_000);

  it("runs four domains and ends well", () => {
    expect(run.stderr).toBe("");
    expect(run.status).toBe(0);
    expect([...rowsOf(run.stdout).keys()]).toEqual(["Domain-0", "granite", "basalt", "reader"]);
    expect(run.stdout).toMatch(/\n4 of 4 domains ran, none crashed\n$/);
  });

  it("shows what each domain wrote", () => {
    expect(run.stdout).toMatch(/spin: 50 million iterations in \d+ ns, \d+ ns of it running/);
    expect(run.stdout).toMatch(/spin: 100 million iterations in \d+ ns, \d+ ns of it running/);
    expect(run.stdout).toContain("pebble: disk xvda, 2048 sectors\n");
    expect(run.stdout).toContain("|hello from grani|\n");
    expect(run.stdout).toMatch(/syscall: 1000 calls in \d+ ns/);
    expect(run.stdout).toMatch(/read it all: crc32 [0-9a-f]{8}, 32 requests/);
    expect(run.stdout).toContain("sector 0: A xenolith is a piece of rock that another rock has enclosed.\n");
  });

  it("is the same again from the same seed", () => {
    expect(demo("--seconds", "1", "--seed", "3")).toEqual(run);
  });

  it("answers a mistake with one line and exit code 2", () => {
    const { status, stdout, stderr } = demo("--seconds", "none");
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toMatch(/^demo: --seconds none: .*\n$/);
  });
});
