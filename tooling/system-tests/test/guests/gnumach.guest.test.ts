import { existsSync, readFileSync } from "node:fs";
import { createNodeHost } from "@xenolith/host/node";
import { toVcpuIndex } from "@xenolith/xen-abi";
import { describe, expect, it } from "vitest";
import { runTask } from "./support/linux-host.ts";
import { guestFile } from "./support/xl.ts";

const KERNEL = guestFile("gnumach-xen.gz");

describe.runIf(existsSync(KERNEL))("GNU Mach as Debian packs it", () => {
  it("is unpacked, described by its __xen_guest section, and runs up to a panic of its own", async () => {
    const failures: unknown[] = [];
    const host = createNodeHost({
      memoryMiB: 96,
      seed: 1,
      clock: "virtual",
      onFailure: (error) => failures.push(error),
    });
    const domain = await runTask(
      host,
      host.toolstack.create({
        name: "mach",
        payload: { kind: "image", kernel: new Uint8Array(readFileSync(KERNEL)), ramdisk: null },
        commandLine: "console=com0",
        memoryMiB: 64,
        vcpus: 1,
        disks: [],
        scheduling: {},
      }),
    );
    await host.run({ untilNs: host.clock.now() + 100_000_000 });
    // It writes to a table of level 2 that it has made read-only. Xen carries out such writes only for tables of level 1,
    // so it gets the page fault and panics. It names its reason by a pointer, to an older call that takes the reason itself.
    expect(host.control.dumpRegisters(domain, toVcpuIndex(0))).toMatch(/cr2 000000004[0-9a-f]{4}000/);
    expect(host.control.describe(domain)).toMatchObject({
      state: "shutdown",
      shutdownReason: expect.stringMatching(/^reason \d+$/),
    });
    expect(failures).toEqual([]);
  });
});
