import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { checkImage, makeImage, scratchFolder } from "./support/disk-image.ts";
import { COMPLAINT } from "./support/linux-host.ts";
import { guestFile, guestPath, runXl, type XlResult } from "./support/xl.ts";

const COMMAND_LINE = "console=hvc0 cryptomgr.notests";
const MEBIBYTE = 1_048_576;

/** What its block front end says when it has everything that was offered. */
const BLOCK_FEATURES = "flush diskcache: enabled; persistent grants: enabled; indirect descriptors: enabled";

/** Boots a cloud kernel of Debian's and types these lines at its shell. The last one ends it. */
const bootKernel = (
  kernel: string,
  lines: readonly string[],
  ramdisk: string,
  ...options: string[]
): Promise<XlResult> =>
  runXl(
    [
      "run",
      guestPath(kernel),
      "--ramdisk",
      guestPath(ramdisk),
      "--memory",
      "256",
      "--clock",
      "virtual",
      "--timeout",
      "400",
      ...options,
    ],
    { stdin: [...lines, "poweroff -f", ""].join("\n"), prompt: "/ #" },
  );

const boot = (lines: readonly string[], ramdisk: string, ...options: string[]): Promise<XlResult> =>
  bootKernel("vmlinuz", lines, ramdisk, ...options);

const expectContent = (result: XlResult): void => {
  expect(result.stderr).toBe("");
  expect(result.exitCode).toBe(0);
  expect(result.stdout).not.toMatch(COMPLAINT);
};

describe("Debian's cloud kernel as a 64-bit PV domain", () => {
  const scratch = scratchFolder();
  afterAll(() => scratch.remove());
  const uniprocessor = ["--cmdline", `${COMMAND_LINE} nr_cpus=1`];

  it("boots to a shell, runs programs and powers off; twice the same, to the instruction", async () => {
    const lines = [
      "uname -srm",
      "dmesg | grep -c 'Booting kernel on Xen'",
      "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo counted $i",
      "i=0; while [ $i -lt 120 ]; do /bin/busybox true; i=$((i+1)); done; echo forked $i",
      "dmesg | grep -c 'WARNING\\|BUG:\\|Oops'",
    ];
    const run = async (stats: string) => {
      const file = join(scratch.path, stats);
      const result = await boot(lines, "initrd-shell.gz", ...uniprocessor, "--stats", file);
      return { result, instructions: JSON.parse(readFileSync(file, "utf8")).instructions };
    };
    const first = await run("first.json");
    expectContent(first.result);
    expect(first.result.stdout).toMatch(/\nLinux 6\.1\.\S+ x86_64/);
    expect(first.result.stdout).toMatch(/\ncounted 20000\r?\n/);
    expect(first.result.stdout).toMatch(/\nforked 120\r?\n/);
    const second = await run("second.json");
    expect(second.result.stdout).toBe(first.result.stdout);
    expect(second.instructions).toBe(first.instructions);
  });

  it("boots with four VCPUs", async () => {
    const result = await boot(
      ["nproc", "dmesg | grep 'Brought up'"],
      "initrd-shell.gz",
      "--vcpus",
      "4",
      "--cmdline",
      COMMAND_LINE,
    );
    expectContent(result);
    expect(result.stdout).toMatch(/\n4\r?\n/);
    expect(result.stdout).toContain("Brought up 1 node, 4 CPUs");
  });

  it("reads and writes an ext4 disk", async () => {
    const data = Buffer.from(
      Array.from({ length: 64 * MEBIBYTE }, (_, index) => (index * 7 + (index >> 9)) & 0xff),
    );
    const image = makeImage("ext4", scratch.path, { big: data }, 160);
    const lines = [
      "dmesg | grep blkfront",
      "mount -t ext4 /dev/xvda /mnt",
      "md5sum /mnt/big",
      "dd if=/dev/zero of=/mnt/new bs=1M count=32 2>/dev/null && umount /mnt && echo written",
    ];
    const result = await boot(lines, "initrd-disk.gz", ...uniprocessor, "--disk", `file:${image}`);
    expectContent(result);
    expect(result.stdout).toContain(BLOCK_FEATURES);
    expect(result.stdout).toContain(createHash("md5").update(data).digest("hex"));
    expect(result.stdout).toMatch(/\nwritten\r?\n/);
    expect(checkImage(image)).toBeNull();
    const listing = execFileSync("debugfs", ["-R", "ls -l /", image], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    expect(listing.toString()).toMatch(new RegExp(`\\s${32 * MEBIBYTE}\\s.*new`));
  });

  it.runIf(existsSync(guestFile("vmlinuz-6.12")))(
    "boots in the version of the next release, with a disk",
    async () => {
      const image = makeImage("ext4", scratch.path, { "hello.txt": "hello\n" }, 16, "next");
      const result = await bootKernel(
        "vmlinuz-6.12",
        ["uname -r", "mount -t ext4 /dev/xvda /mnt && cat /mnt/hello.txt && umount /mnt"],
        "initrd-disk-6.12.gz",
        ...uniprocessor,
        "--disk",
        `file:${image}`,
      );
      expectContent(result);
      expect(result.stdout).toMatch(/\n6\.12\.\S+/);
      expect(result.stdout).toContain(BLOCK_FEATURES);
      expect(result.stdout).toMatch(/\nhello\r?\n/);
      expect(checkImage(image)).toBeNull();
    },
  );
});
