import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createMemoryStore } from "@xenolith/block-stores";
import { ELF_MACHINE, parseElf } from "@xenolith/elf";
import { createNodeHost } from "@xenolith/host/node";
import { pebbleImage } from "@xenolith/pebble";
import { type DiskConfig, dumpCore } from "@xenolith/toolstack";
import type { DomId } from "@xenolith/xen-abi";
import { describe, expect, test } from "vitest";

const MS = 1_000_000;

/** A host, and domains that are made while it runs. */
const hostWith = () => {
  const failures: unknown[] = [];
  const host = createNodeHost({
    memoryMiB: 64,
    seed: 5,
    clock: "virtual",
    onFailure: (error) => failures.push(error),
  });
  return {
    host,
    failures,
    create: (name: string, commandLine: string, disks: readonly DiskConfig[] = []): Promise<DomId> =>
      host.toolstack.create({
        name,
        payload: { kind: "image", kernel: pebbleImage(), ramdisk: null },
        commandLine,
        memoryMiB: 4,
        vcpus: 1,
        disks,
        scheduling: {},
      }),
    /** Does something while the host runs, until nothing is left to happen. */
    async during<Result>(task: () => Promise<Result>): Promise<Result> {
      const rest = host.run();
      const result = await task();
      await rest;
      return result;
    },
  };
};

const disk = (): DiskConfig => ({
  store: createMemoryStore({ sectorCount: 8192 }),
  virtualDevice: "xvda",
  writable: true,
  cdrom: false,
  description: "memory",
});

describe("the life of a domain", () => {
  test("stands still while it is paused, and goes on where it was", async () => {
    const { host, create } = hostWith();
    const rest = host.run({ untilNs: host.clock.now() + 20 * MS });
    const busy = await create("busy", 'quiet run="spin 10000"');
    await rest;
    const at = (): number => host.control.describe(busy)?.cpuNs ?? 0;
    host.control.pause(busy);
    const before = at();
    await host.run({ untilNs: host.clock.now() + 20 * MS });
    expect(at()).toBe(before);
    host.control.unpause(busy);
    await host.run({ untilNs: host.clock.now() + 20 * MS });
    expect(at()).toBeGreaterThan(before + 15 * MS);
  });

  test("ends in order when it is asked to, and says why", async () => {
    const { host, create, during } = hostWith();
    const guest = await during(() => create("guest", "quiet"));
    await during(() => host.toolstack.ask(guest, "poweroff"));
    expect(host.control.describe(guest)).toMatchObject({ state: "shutdown", shutdownReason: "poweroff" });
  });

  test("begins again under its name when it has asked for a reboot", async () => {
    const { host, create, during, failures } = hostWith();
    const first = await during(() => create("guest", 'quiet run="reboot"'));
    expect(host.control.describe(first)?.shutdownReason).toBe("reboot");
    const second = await during(() => host.toolstack.restart(first));
    expect(second).not.toBe(first);
    expect(host.control.describe(first)).toBeNull();
    expect(host.toolstack.list()).toMatchObject([{ domain: second, name: "guest" }]);
    expect(host.control.describe(second)?.shutdownReason).toBe("reboot");
    expect(failures).toEqual([]);
  });

  test("is told how much memory it shall have, and gets no more than that", async () => {
    const { host, create, during } = hostWith();
    const guest = await during(() => create("guest", "quiet"));
    const { pages } = host.control.describe(guest) ?? {};
    await during(() => host.toolstack.setMemory(guest, 3));
    expect(host.control.describe(guest)).toMatchObject({ pages, maximumPages: 3 * 256 });
    expect(host.control.allocateFrames(guest, 1)).toBeLessThan(0);
    await during(() => host.toolstack.setMemory(guest, 4));
    expect(host.control.describe(guest)?.maximumPages).toBe(4 * 256);
    for (const size of [0, 5, 1.5])
      await expect(host.toolstack.setMemory(guest, size)).rejects.toThrow(/1 to 4 MiB/);
    await expect(host.toolstack.sysrq(guest, "")).rejects.toThrow(/one character/);
  });

  test("can end while its disk is busy: nothing of it is left, and others do not notice", async () => {
    const { host, create, during, failures } = hostWith();
    const { free, other } = await during(async () => {
      const survivor = await create("other", "quiet", [disk()]);
      return { free: host.control.list().length, other: survivor };
    });
    const rest = host.run({ untilNs: host.clock.now() + 5 * MS });
    const busy = await create("busy", 'quiet run="sum;sum;sum;sum"', [disk()]);
    await rest;
    expect(host.control.describe(busy)?.state).not.toBe("shutdown");
    await during(() => host.toolstack.destroy(busy));
    expect(host.control.describe(busy)).toBeNull();
    expect(host.control.list()).toHaveLength(free);
    let text = "";
    const terminal = host.terminal(other);
    terminal.onOutput((bytes) => {
      text += new TextDecoder().decode(bytes);
    });
    await during(async () => terminal.typeLines(new TextEncoder().encode("sum\n")));
    expect(text).toMatch(/sum: 8192 sectors/);
    expect(failures).toEqual([]);
  });
});

describe("the core of a crashed domain", () => {
  const crashed = async () => {
    const { host, create, during } = hostWith();
    const guest = await during(() => create("guest", 'quiet run="crash"'));
    expect(host.control.describe(guest)?.shutdownReason).toBe("crash");
    const pieces = dumpCore(host.control, guest);
    if (pieces === null) throw new Error("no core");
    return { host, guest, bytes: Buffer.concat([...pieces]) };
  };

  test("has notes, the state of VCPUs, and all of its memory", async () => {
    const { host, guest, bytes } = await crashed();
    const elf = parseElf(bytes);
    if ("message" in elf) throw new Error(elf.message);
    expect(elf.machine).toBe(ELF_MACHINE.i386);
    const section = (name: string): Uint8Array => {
      const found = elf.sections.find((one) => one.name === name);
      if (found === undefined) throw new Error(`no section ${name}`);
      return bytes.subarray(found.offset, found.offset + found.fileBytes);
    };
    const word = (from: Uint8Array, index: number): bigint =>
      new DataView(from.buffer, from.byteOffset).getBigUint64(8 * index, true);
    const pages = host.control.framesOf(guest).length;
    const p2m = section(".xen_p2m");
    expect(p2m.length).toBe(pages * 16);
    expect(section(".xen_pages").length).toBe(pages * 4096);
    expect(section(".xen_shared_info").length).toBe(4096);
    // EIP of the VCPU as the crash report has it.
    const status = section(".xen_prstatus");
    expect(status.length).toBe(2800);
    const eip = new DataView(status.buffer, status.byteOffset).getUint32(516 + 32, true);
    expect(host.control.describe(guest)?.crash?.registers).toContain(eip.toString(16));
    // Each page is the contents of the frame that the list names.
    const content = new Uint8Array(4096);
    for (const index of [0, 17, pages - 1]) {
      const frame = host.control.framesOf(guest)[index];
      if (frame === undefined) throw new Error("no frame");
      expect(word(p2m, 2 * index + 1)).toBe(BigInt(frame));
      host.control.readFrame(guest, frame, content);
      expect(Buffer.compare(section(".xen_pages").subarray(index * 4096, (index + 1) * 4096), content)).toBe(
        0,
      );
    }
  });

  test("is a file that readelf understands", async () => {
    const { bytes } = await crashed();
    const directory = mkdtempSync(join(tmpdir(), "core-"));
    try {
      const file = join(directory, "core");
      writeFileSync(file, bytes);
      const run = (option: string): string | null => {
        try {
          return execFileSync("readelf", [option, file], {
            encoding: "utf8",
            stdio: ["ignore", "pipe", "pipe"],
          });
        } catch (error) {
          if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
          throw error;
        }
      };
      const notes = run("-n");
      if (notes === null) return;
      expect(notes.match(/Xen/g)?.length).toBeGreaterThanOrEqual(4);
      for (const type of ["02000000", "02000001", "02000002", "02000003"]) expect(notes).toContain(type);
      const headers = run("-hSW");
      for (const name of [".note.Xen", ".xen_prstatus", ".xen_shared_info", ".xen_p2m", ".xen_pages"])
        expect(headers).toContain(name);
      expect(headers).toContain("CORE (Core file)");
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
