import { createNodeHost } from "@xenolith/host/node";
import { type PebbleWidth, pebbleImage } from "@xenolith/pebble";
import type { EngineChoice } from "@xenolith/x86-cpu";
import { expect, it } from "vitest";

/** What a domain writes on a host with an engine, and what time it is when nothing is left to happen. */
const runPebble = async (
  width: PebbleWidth,
  engine: EngineChoice,
): Promise<{ text: string; now: number; cpuNs: unknown }> => {
  const failures: unknown[] = [];
  const host = createNodeHost({
    memoryMiB: 32,
    seed: 7,
    clock: "virtual",
    engine,
    onFailure: (error) => failures.push(error),
  });
  const running = host.run();
  const guest = await host.toolstack.create({
    name: "guest",
    payload: { kind: "image", kernel: pebbleImage(width), ramdisk: null },
    commandLine: "name=guest",
    memoryMiB: 8,
    vcpus: 1,
    disks: [],
    scheduling: { weight: 256 },
  });
  let text = "";
  const terminal = host.terminal(guest);
  terminal.onOutput((bytes) => {
    text += new TextDecoder().decode(bytes);
  });
  terminal.typeLines(new TextEncoder().encode("info\nspin 2\nsyscall 1000\nfault\nhalt\n"));
  await running;
  expect(failures).toEqual([]);
  return { text, now: host.clock.now(), cpuNs: host.control.describe(guest)?.cpuNs };
};

it.each(["x86_32", "x86_32p", "x86_64"] as const)(
  "a whole host with a guest of width %s does the same at the same time in either engine",
  { timeout: 60_000 },
  async (width) => {
    const interpreted = await runPebble(width, "interpreter");
    expect(interpreted.text).toContain(`started by xen-3.0-${width}\r\n`);
    expect(interpreted.text).toMatch(/syscall: 1000 calls in \d+ ns/);
    expect(interpreted.text).toContain("fault: the process was started again");
    expect(await runPebble(width, "auto")).toEqual(interpreted);
  },
);
