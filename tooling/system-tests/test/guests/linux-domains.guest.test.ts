import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, describe, expect, it } from "vitest";
import { scratchFolder } from "./support/disk-image.ts";

const LAUNCH = fileURLToPath(new URL("../../../scripts/launch.mjs", import.meta.url));

describe("four Linux domains at once", () => {
  const scratch = scratchFolder();
  afterAll(() => scratch.remove());

  it("work for a minute, share the processor fairly, and do not notice that one of them panics", async () => {
    const json = join(scratch.path, "figures.json");
    // It exits with 1 when something that it promises was not kept; what that is stands in the figures.
    await promisify(execFile)(process.execPath, [
      LAUNCH,
      "tooling/bench",
      "linux-domains",
      "--json",
      json,
    ]).catch(() => {});
    const { verdicts, domains } = JSON.parse(readFileSync(json, "utf8"));
    expect(verdicts.filter(({ isKept }: { isKept: boolean }) => !isKept)).toEqual([]);
    expect(domains).toHaveLength(4);
  });
});
