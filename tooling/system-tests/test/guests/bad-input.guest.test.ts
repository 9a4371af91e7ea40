import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { scratchFolder } from "./support/disk-image.ts";
import { guestPath, runXl } from "./support/xl.ts";

describe("xl run with bad input", () => {
  const scratch = scratchFolder();
  const file = (name: string): string => join(scratch.path, name);
  beforeAll(() => {
    const grub = readFileSync(guestPath("grub-i386-xen.bin"));
    writeFileSync(file("truncated"), grub.subarray(0, 100_000));
    const arm = Buffer.from(grub);
    arm.writeUInt16LE(40, 18);
    writeFileSync(file("arm"), arm);
    const linux = readFileSync(guestPath("vmlinuz"));
    writeFileSync(file("short"), linux.subarray(0, 5_000_000));
    writeFileSync(file("damaged"), Buffer.from(linux).fill(0xff, 1_000_000, 2_000_000));
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
    ["a Linux image that has been cut short", () => [file("short")], /cut short/],
    ["a Linux image that is damaged", () => [file("damaged")], /packed with lz4 and cannot be unpacked/],
    [
      "a ramdisk that does not fit",
      () => [guestPath("vmlinuz"), "--ramdisk", guestPath("vmlinuz"), "--memory", "70"],
      /kernel and ramdisk need \d+ MiB.* 70 MiB/,
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
