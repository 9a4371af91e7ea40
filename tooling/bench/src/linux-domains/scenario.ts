import { createHash } from "node:crypto";
import { join } from "node:path";
import { openDisk } from "@xenolith/host/node";
import {
  COMPLAINT,
  checkImage,
  createLinuxHost,
  type LinuxDomain,
  type LinuxHost,
  makeImage,
  scratchFolder,
} from "@xenolith/system-tests/guests";
import { type DiskConfig, parseDiskSpec } from "@xenolith/toolstack";
import { COMPUTING_SECONDS, DOOMED, workScript } from "./work.ts";

/** What is to be measured. */
export interface ScenarioOptions {
  /** Folder with the guests that `pnpm guests` makes. */
  readonly guests: string;
  readonly domains: number;
  /** Virtual seconds of work. */
  readonly seconds: number;
  readonly seed: number;
  readonly say: (line: string) => void;
}

/** What became of one domain. */
export interface DomainFigures {
  readonly name: string;
  /** Why it stopped, or null: it did not. */
  readonly end: string | null;
  /** What it said of its own work at the end. */
  readonly rounds: number;
  readonly wrong: number;
  readonly complaints: number;
  readonly cpuSeconds: number;
  readonly instructions: number;
  /** Part of the processor while all computed. */
  readonly share: number;
  /** What e2fsck finds wrong with its disk; null: nothing. */
  readonly diskProblem: string | null;
}

/** What was measured. */
export interface ScenarioFigures {
  /** The last one is the doomed one. */
  readonly domains: readonly DomainFigures[];
  /** Wall time until all were at their shells, and of the work. */
  readonly bootWallSeconds: number;
  readonly workWallSeconds: number;
  /** Virtual time of the work. */
  readonly workSeconds: number;
  /** Memory of the process, resident, with all domains at work; and that of the domains by their configuration. */
  readonly residentBytes: number;
  readonly domainBytes: number;
}

const MEBIBYTE = 1_048_576;
const DOMAIN_MIB = 128;
const HOST_MIB = 32;
const DATA_BYTES = MEBIBYTE / 2;
const DISK_MIB = 24;
const SECOND_NS = 1_000_000_000;

/** Data that does not repeat within a page. */
const makeData = (seed: number): Uint8Array => {
  const words = new Uint32Array(DATA_BYTES / 4);
  let state = seed + 1;
  for (let index = 0; index < words.length; index++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    words[index] = state;
  }
  return new Uint8Array(words.buffer);
};

interface Machine {
  readonly linux: LinuxDomain;
  readonly image: string;
  readonly disk: DiskConfig;
}

const bootAll = async (options: ScenarioOptions, host: LinuxHost, folder: string): Promise<Machine[]> => {
  const machines: Machine[] = [];
  for (let index = 0; index < options.domains; index++) {
    const name = `linux${index}`;
    const data = makeData(index);
    const md5 = createHash("md5").update(data).digest("hex");
    const files = { data, "work.sh": workScript(options.seconds, md5) };
    const image = makeImage("ext4", folder, files, DISK_MIB, name);
    const disk = openDisk(parseDiskSpec(`file:${image}`));
    const isDoomed = index === options.domains - 1;
    const linux = await host.boot({
      name,
      kernel: join(options.guests, "vmlinuz"),
      ramdisk: join(options.guests, "initrd-disk.gz"),
      commandLine: `nr_cpus=1 ${isDoomed ? DOOMED : ""}`,
      memoryMiB: DOMAIN_MIB,
      disks: [disk],
    });
    options.say(`${name}: at its shell after ${(host.host.clock.now() / SECOND_NS).toFixed(1)} virtual s`);
    machines.push({ linux, image, disk });
  }
  return machines;
};

/** Shares of the processor while all domains compute. */
const measureShares = async (host: LinuxHost, machines: readonly Machine[]): Promise<readonly number[]> => {
  const { control } = host.host;
  const cpu = (): number[] => machines.map(({ linux }) => control.describe(linux.domain)?.cpuNs ?? 0);
  await host.until(
    () => machines.every(({ linux }) => /^computing$/m.test(linux.text)),
    "all domains compute",
  );
  const before = cpu();
  await host.runFor(COMPUTING_SECONDS - 0.5);
  const used = cpu().map((ns, index) => ns - (before[index] ?? 0));
  const sum = used.reduce((total, ns) => total + ns, 0);
  return used.map((ns) => ns / sum);
};

/** Boots the domains, lets them work, and looks at what became of them. */
export const runScenario = async (options: ScenarioOptions): Promise<ScenarioFigures> => {
  const scratch = scratchFolder();
  const host = createLinuxHost({ memoryMiB: options.domains * DOMAIN_MIB + HOST_MIB, seed: options.seed });
  const { control, clock } = host.host;
  try {
    const startMs = performance.now();
    const machines = await bootAll(options, host, scratch.path);
    const bootedMs = performance.now();
    const begunNs = clock.now();
    for (const { linux } of machines)
      linux.type("mount -t ext4 /dev/xvda /mnt && cp /mnt/work.sh / && sh /work.sh");
    const shares = await measureShares(host, machines);
    const residentBytes = process.memoryUsage().rss;
    await host.until(
      () => machines.every(({ linux }) => control.describe(linux.domain)?.state === "shutdown"),
      "all domains have stopped",
      2 * options.seconds + 30,
    );
    const workNs = clock.now() - begunNs;
    const workedMs = performance.now();
    const domains: DomainFigures[] = [];
    for (const [index, { linux, image, disk }] of machines.entries()) {
      const description = control.describe(linux.domain);
      for (const [complaint] of linux.text.matchAll(new RegExp(COMPLAINT, "gm")))
        options.say(`${linux.name}: ${complaint}`);
      const [, rounds, wrong, complaints] =
        /^rounds (\d+) wrong (\d+) complaints (\d+)$/m.exec(linux.text) ?? [];
      await disk.store.close();
      domains.push({
        name: linux.name,
        end: description?.shutdownReason ?? null,
        rounds: Number(rounds ?? 0),
        wrong: Number(wrong ?? Number.NaN),
        complaints: Number(complaints ?? Number.NaN),
        cpuSeconds: (description?.cpuNs ?? 0) / SECOND_NS,
        instructions: description?.instructions ?? 0,
        share: shares[index] ?? 0,
        diskProblem: checkImage(image),
      });
    }
    return {
      domains,
      bootWallSeconds: (bootedMs - startMs) / 1000,
      workWallSeconds: (workedMs - bootedMs) / 1000,
      workSeconds: workNs / SECOND_NS,
      residentBytes,
      domainBytes: options.domains * DOMAIN_MIB * MEBIBYTE,
    };
  } finally {
    scratch.remove();
  }
};
