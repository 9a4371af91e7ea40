import { createNodeHost } from "@xenolith/host/node";
import { pebbleImage } from "@xenolith/pebble";
import type { EngineChoice } from "@xenolith/x86-cpu";
import { describe, expect, it } from "vitest";

const DOMAINS = 10;
const RUN_NS = 30_000_000;

/** What each of the ten does: some compute, some make system calls and faults, some wait for their timers. */
const COMMANDS = [
  "spin 3",
  "syscall 300; fault; syscall 300",
  "info; time",
  "respawn; ps; events",
  "spin 1; uptime",
];
const commandLine = (index: number): string => {
  const tick = index % 3 === 0 ? "tick=4" : "quiet";
  return `${tick} name=domain${index} run="${COMMANDS[index % COMMANDS.length]}"`;
};

/** Everything that can be seen of a host with ten domains after a while: consoles with the time of each piece, and accounts. */
const observe = async (engine: EngineChoice, seed: number, cpuCount: number): Promise<string> => {
  const host = createNodeHost({
    memoryMiB: 96,
    seed,
    clock: "virtual",
    engine,
    cpuCount,
    onFailure: (error) => {
      throw error;
    },
  });
  const seen: string[] = [];
  const running = host.run({ untilNs: RUN_NS });
  for (let index = 0; index < DOMAINS; index++) {
    const guest = await host.toolstack.create({
      name: `domain${index}`,
      payload: { kind: "image", kernel: pebbleImage(), ramdisk: null },
      commandLine: commandLine(index),
      memoryMiB: 4,
      vcpus: 1,
      disks: [],
      scheduling: { weight: 128 + 64 * index },
    });
    host.terminal(guest).onOutput((bytes) => {
      seen.push(`${host.clock.now()} ${index} ${new TextDecoder().decode(bytes)}`);
    });
  }
  await running;
  return JSON.stringify([seen, host.control.list(), host.clock.now()], null, 1);
};

describe("a host with ten domains", () => {
  it("does the same at the same time whenever it is given the same seed, in either engine", {
    timeout: 120_000,
  }, async () => {
    const interpreted = await observe("interpreter", 11, 1);
    expect(interpreted).toContain("syscall: 300 calls");
    expect(await observe("auto", 11, 1)).toBe(interpreted);
    expect(await observe("auto", 11, 1)).toBe(interpreted);
    expect(await observe("auto", 12, 1)).not.toBe(interpreted);
  });

  it("does so on three CPUs too", { timeout: 120_000 }, async () => {
    const interpreted = await observe("interpreter", 11, 3);
    expect(await observe("auto", 11, 3)).toBe(interpreted);
  });
});
