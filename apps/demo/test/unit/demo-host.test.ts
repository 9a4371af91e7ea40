import { crc32 } from "node:zlib";
import { beforeAll, describe, expect, it } from "vitest";
import { type DemoHost, startDemoHost } from "../../src/host/demo-host.ts";
import { createSampler } from "../../src/model/sampler.ts";
import type { HostSnapshot } from "../../src/model/snapshot.ts";
import { readerDiskContents } from "../../src/reader/reader-disk.ts";

const MILLISECOND_NS = 1_000_000;

const linesOf = (demo: DemoHost, name: string): readonly string[] =>
  demo.consoles.find(({ domain }) => demo.nameOf(domain) === name)?.text.lines ?? [];
const runFor = (demo: DemoHost, durationNs: number) =>
  demo.run({ untilNs: demo.host.clock.now() + durationNs });
const type = (demo: DemoHost, name: string, text: string): void =>
  demo.consoles.find(({ domain }) => demo.nameOf(domain) === name)?.type?.(new TextEncoder().encode(text));

describe("the demo's host", () => {
  let demo: DemoHost;
  let whileCompeting: HostSnapshot;
  beforeAll(async () => {
    demo = await startDemoHost({ clock: "virtual", seed: 1, spinMillions: 20 });
    await runFor(demo, 25 * MILLISECOND_NS);
    const sampler = createSampler({ ...demo, windowNs: 0 });
    await runFor(demo, 80 * MILLISECOND_NS);
    whileCompeting = sampler.sample();
    await runFor(demo, 100 * MILLISECOND_NS);
  }, 60_000);

  it("has the control domain and three guests, each with a console", () => {
    expect(demo.consoles.map(({ domain }) => [Number(domain), demo.nameOf(domain)])).toEqual([
      [0, "Domain-0"],
      [1, "granite"],
      [2, "basalt"],
      [3, "reader"],
    ]);
  });

  it("divides the processor by weight while its kernels compete", () => {
    const byName = new Map(whileCompeting.domains.map((domain) => [domain.name, domain]));
    expect(byName.get("granite")?.weight).toBe(256);
    expect(byName.get("basalt")?.weight).toBe(512);
    const [lighter = 0, heavier = 0] = [byName.get("granite")?.share, byName.get("basalt")?.share];
    expect(lighter + heavier).toBeGreaterThan(0.95);
    // Each may be ahead by the context-switch allowance, 5 ms of the 80.
    expect(Math.abs(lighter - 1 / 3)).toBeLessThan(0.08);
  });

  it("logs what happens to domains in place of the control domain's console", () => {
    const log = linesOf(demo, "Domain-0");
    expect(
      log.some((line) => line.endsWith("domain 1 is granite, machine code, 8 MiB, a disk, weight 256")),
    ).toBe(true);
    expect(log.some((line) => line.endsWith("domain 3 reader: started"))).toBe(true);
  });

  it("lets the reader read every byte of its disk", () => {
    const sum = crc32(readerDiskContents()).toString(16).padStart(8, "0");
    expect(linesOf(demo, "reader").some((line) => line.startsWith(`read it all: crc32 ${sum}, `))).toBe(true);
  });

  it("passes on what is typed", async () => {
    type(demo, "granite", "read 1\r");
    type(demo, "reader", "x");
    await runFor(demo, 100 * MILLISECOND_NS);
    expect(linesOf(demo, "granite").slice(-2)[0]).toMatch(/^read: 1 sectors from 1, crc32 [0-9a-f]{8}$/);
    expect(linesOf(demo, "reader").filter((line) => line.startsWith("read it all:"))).toHaveLength(2);
  });

  it("goes on without a domain that crashes, and logs why", async () => {
    type(demo, "granite", "crash\r");
    await runFor(demo, 100 * MILLISECOND_NS);
    expect(linesOf(demo, "Domain-0").at(-2)).toMatch(/domain 1 granite: stopped: .+/);
    type(demo, "basalt", "uptime\r");
    await runFor(demo, 100 * MILLISECOND_NS);
    expect(linesOf(demo, "basalt").at(-2)).toMatch(/^up 0\.\d{3} s$/);
  });
});
