import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeImage, scratchFolder } from "./support/disk-image.ts";
import { guestPath, runXl } from "./support/xl.ts";

const SCRIPT = "ls (xen/xvda)/\ncat (xen/xvda)/hello.txt\nhalt\n";
const HELLO = "Hello from the disk of a guest.\n";

describe.each(["i386", "x86_64"])("Debian's GRUB for %s as a PV domain", (machine) => {
  const scratch = scratchFolder();
  let image = "";
  beforeAll(() => {
    image = makeImage("ext2", scratch.path, { "hello.txt": HELLO, "other.txt": "x".repeat(5000) });
  });
  afterAll(() => scratch.remove());

  const boot = (stats: string) =>
    runXl(
      [
        "run",
        guestPath(`grub-${machine}-xen.bin`),
        "--memory",
        "64",
        "--disk",
        `file:${image}`,
        "--clock",
        "virtual",
        "--timeout",
        "120",
        "--stats",
        join(scratch.path, stats),
      ],
      { stdin: SCRIPT, prompt: "grub>" },
    );

  it("reaches its prompt, lists a disk, shows a file and powers off", async () => {
    const result = await boot("first.json");
    expect(result.stderr).toBe("");
    expect(result.exitCode).toBe(0);
    expect(result.stdout).toContain("grub>");
    expect(result.stdout).toContain("hello.txt");
    expect(result.stdout).toContain("other.txt");
    expect(result.stdout).toContain(HELLO.trim());
  });

  it("does exactly the same again: output and instruction count", async () => {
    const [first, second] = [await boot("a.json"), await boot("b.json")];
    expect(second.stdout).toBe(first.stdout);
    const count = (name: string): number =>
      JSON.parse(readFileSync(join(scratch.path, name), "utf8")).instructions;
    expect(count("b.json")).toBe(count("a.json"));
    expect(count("a.json")).toBeGreaterThan(1_000_000);
  });
});
