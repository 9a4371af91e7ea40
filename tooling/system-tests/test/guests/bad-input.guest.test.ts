import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { scratchFolder } from "./disk-image.ts";
import { guestPath, runXl } from "./xl.ts";

describe("xl run with bad input", () => {
  const scratch = scratchFolder();
  const file = (name: string): string => join(scratch.path, name);
  beforeAll(() => {
    const grub = readFileSync(guestPath("grub-i386-xen.bin"));
    writeFileSync(file("truncated"), grub.subarray(0, 100_000));
    const arm = Buffer.from(grub);
    arm.writeUInt16LE(40, 18);
    writeFileSync(file("arm"), arm);
    writeFileSync(file("script"), "#!/bin/sh\n");
    writeFileSync(file("tiny"), "x");
  });
  afterAll(() => scratch.remove());
  const grub = (): string => guestPath("grub-i386-xen.bin");

  it.each<[string, () => string[], RegExp]>([
    ["a truncated image", () => [file("truncated")], /truncated/],
    ["an image for another machine", () => [file("arm")], /another machine/],
    ["no image at all", () => [file("script")], /not an ELF file/],
    ["a kernel larger than the domain", () => [grub(), "--memory", "4"], /the kernel needs \d+ MiB.* 4 MiB/],
    ["a missing kernel", () => [file("none")], /none: no such file/],
    ["a missing disk", () => [grub(), "--disk", file("none.img")], /none\.img: no such file/],
    ["a disk that is none", () => [grub(), "--disk", file("tiny")], /tiny: 1 bytes/],
    ["a disk in words that mean nothing", () => [grub(), "--disk", "a,b,c,d,e,f"], /disk 'a,b,c,d,e,f'/],
    [
      "a kernel of a width that is not run yet",
      () => [guestPath("grub-x86_64-xen.bin")],
      /does not run x86_64 guests/,
    ],
    ["no memory", () => [grub(), "--memory", "0"], /--memory 0/],
    ["an unknown option", () => [grub(), "--frobnicate"], /--frobnicate/],
    ["no kernel", () => [], /no kernel given/],
  ])("%s: one line, exit 2", async (_, args, message) => {
    const result = await runXl(["run", ...args()]);
    expect(result.exitCode).toBe(2);
    expect(result.stdout).toBe("");
    expect(result.stderr.trimEnd().split("\n")).toHaveLength(1);
    expect(result.stderr).toMatch(message);
  });
});
