import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../../../..", import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), "bare-"));
afterAll(() => rmSync(scratch, { recursive: true }));

const bare = (...args: string[]): { status: number | null; stdout: string; stderr: string } => {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["tooling/scripts/launch.mjs", "apps/bare", ...args],
    { cwd: root, encoding: "utf8" },
  );
  return { status, stdout, stderr };
};

/** A multiboot ELF file of 32 bits that prints "S 1\nok\n" on COM1 and writes 42 to the exit port. */
const makeImage = (): Uint8Array => {
  const print = [..."S 1\nok\n"].flatMap((character) => [0xb0, character.charCodeAt(0), 0xee]);
  const code = [0xba, 0xf8, 0x03, 0, 0, ...print, 0xb0, 42, 0xe6, 0xf4];
  const bytes = new Uint8Array(0x200 + code.length);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
  for (const [at, value] of [
    [16, 0x3_0002],
    [20, 1],
    [24, 0x10_0000],
    [28, 52],
    [40, 0x20_0034],
    [44, 1],
  ] as const) {
    view.setUint32(at, value, true);
  }
  const segment = [1, 0x200, 0x10_0000, 0x10_0000, code.length, code.length, 7, 0x1000];
  for (const [i, value] of [...segment, 0x1bad_b002, 0, -0x1bad_b002].entries()) {
    view.setUint32(52 + 4 * i, value, true);
  }
  bytes.set(code, 0x200);
  return bytes;
};

describe("pnpm bare", () => {
  const image = join(scratch, "image.elf");
  writeFileSync(image, makeImage());

  it("prints what the guest prints, stamps its marks, and exits with its value", () => {
    const { status, stdout, stderr } = bare(image);
    expect(stdout).toMatch(/^S 1 t=\d+\.\d{4}\nok\n$/);
    expect([status, stderr]).toEqual([42, ""]);
  });

  it.each([
    ["a file that is not there", [join(scratch, "none.elf")], /none\.elf/],
    ["a file that is no image", [fileURLToPath(import.meta.url)], /ELF/],
    ["too little memory", [image, "--memory", "1"], /needs 2 MiB/],
    ["an option nobody knows", [image, "--fast"], /--fast/],
  ] as const)("answers %s with one line and 2", (_name, args, message) => {
    const { status, stdout, stderr } = bare(...args);
    expect([status, stdout]).toEqual([2, ""]);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
    expect(stderr).toMatch(message);
  });
});
