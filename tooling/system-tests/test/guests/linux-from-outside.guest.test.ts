import { createHash } from "node:crypto";
import { createMemoryStore } from "@xenolith/block-stores";
import { openDisk } from "@xenolith/host/node";
import { parseDiskSpec } from "@xenolith/toolstack";
import { afterAll, describe, expect, it } from "vitest";
import { checkImage, makeImage, scratchFolder } from "./support/disk-image.ts";
import { COMPLAINT, createLinuxHost } from "./support/linux-host.ts";
import { guestPath } from "./support/xl.ts";

const MEMORY_MIB = 160;
const SMALL_MIB = 112;
const PAGES_PER_MIB = 256;
const MEBIBYTE = 1_048_576;

describe("Linux, asked from outside", () => {
  const scratch = scratchFolder();
  afterAll(() => scratch.remove());

  it("balloons down and up, discards, suspends and resumes, reboots with its disk, and powers off", async () => {
    const image = makeImage("ext4", scratch.path, { "hello.txt": "hello\n" }, 16);
    const disk = openDisk(parseDiskSpec(`file:${image}`));
    const linuxHost = createLinuxHost({ memoryMiB: MEMORY_MIB + 32, seed: 3 });
    const { toolstack, control } = linuxHost.host;
    const memoryDisk = {
      store: createMemoryStore({ sectorCount: 4096, contents: new Uint8Array(2 * MEBIBYTE).fill(0xaa) }),
      virtualDevice: null,
      writable: true,
      cdrom: false,
      description: "memory",
    };
    const linux = await linuxHost.boot({
      name: "linux",
      kernel: guestPath("vmlinuz"),
      ramdisk: guestPath("initrd-disk.gz"),
      memoryMiB: MEMORY_MIB,
      disks: [disk, memoryDisk],
    });
    const pages = (): number => control.describe(linux.domain)?.pages ?? 0;
    const totalKiB = async (): Promise<number> =>
      Number(/^MemTotal:\s+(\d+) kB/m.exec(await linux.ask("grep MemTotal /proc/meminfo"))?.[1]);

    const before = await totalKiB();
    await linuxHost.during(toolstack.setMemory(linux.domain, SMALL_MIB));
    await linuxHost.until(() => pages() <= SMALL_MIB * PAGES_PER_MIB, "the balloon is full");
    expect(before - (await totalKiB())).toBe((MEMORY_MIB - SMALL_MIB) * 1024);
    await linuxHost.during(toolstack.setMemory(linux.domain, MEMORY_MIB));
    await linuxHost.until(() => pages() === MEMORY_MIB * PAGES_PER_MIB, "the balloon is empty");
    expect(await totalKiB()).toBe(before);

    // The driver again, with rings of four pages; and a disk that can discard.
    await linux.ask("busybox rmmod xen_blkfront && insmod /lib/xen-blkfront.ko max_ring_page_order=2");
    expect(await linux.ask("cat /sys/block/xvdb/queue/discard_granularity")).toMatch(/^512$/m);
    const digest = (fill: number): string =>
      createHash("md5").update(new Uint8Array(MEBIBYTE).fill(fill)).digest("hex");
    const halves = "for half in 0 1; do dd if=/dev/xvdb bs=1M count=1 skip=$half 2>/dev/null | md5sum; done";
    expect(await linux.ask(`busybox blkdiscard -o 1048576 -l 1048576 /dev/xvdb; ${halves}`)).toContain(
      `${digest(0xaa)}  -\n${digest(0)}  -\n`,
    );

    expect(await linux.ask("mount -t ext4 /dev/xvda /mnt && cat /mnt/hello.txt")).toMatch(/^hello$/m);
    await linuxHost.during(toolstack.ask(linux.domain, "suspend"));
    expect(await linux.stopped()).toBe("suspend");
    await linuxHost.during(toolstack.resume(linux.domain, { cancelled: true }));
    expect(await linux.ask("echo written > /mnt/new.txt && sync && cat /mnt/new.txt")).toMatch(/^written$/m);

    await linuxHost.during(toolstack.ask(linux.domain, "reboot"));
    expect(await linux.stopped()).toBe("reboot");
    const first = linux.domain;
    await linux.restart();
    expect(linux.domain).not.toBe(first);
    expect(await linux.ask("mount -t ext4 /dev/xvda /mnt && cat /mnt/new.txt")).toMatch(/^written$/m);

    await linuxHost.during(toolstack.ask(linux.domain, "poweroff"));
    expect(await linux.stopped()).toBe("poweroff");
    expect(linux.text).not.toMatch(COMPLAINT);
    await disk.store.close();
    expect(checkImage(image)).toBeNull();
  });
});
