import { readFileSync } from "node:fs";
import { createBareMachine } from "@xenolith/bare-machine";
import { createNodeHost } from "@xenolith/host/node";
import { geometricMean, median } from "../cpu/statistics.ts";
import { openYardstick } from "../cpu/yardstick.ts";
import { tableOf } from "../table.ts";
import { UsageError } from "../usage-error.ts";
import { LineClock } from "./line-clock.ts";

/** Kernels that only compute, by the beginnings of their names. */
const COMPUTING = [
  "a1",
  "a2",
  "a3",
  "b1",
  "b2",
  "b3",
  "c1",
  "c2",
  "c3",
  "c4",
  "g1",
  "g2",
  "h1",
  "h2",
] as const;
/** Repetitions of one side before it is the other's turn: the first finds cold caches and does not count. */
const TURN = 8;
/** Turns that do not count: code is still being translated. */
const WARM_UP = 2;
const TURNS_PER_ROUND = 3;
const MEMORY_MIB = 64;
const BARE_SLICE = 5_000_000;
/** Virtual time after which a domain that has said nothing is given up. */
const LIMIT_NS = 1e12;

/** A kernel's time as a domain and without a hypervisor. */
export interface KernelCost {
  readonly name: string;
  /** Medians of the turns' medians. */
  readonly bareMs: number;
  readonly paravirtualMs: number;
  /** Median of the ratios of turns, one after the other. */
  readonly ratio: number;
  /** Whether all came to the same result. */
  readonly isSame: boolean;
}

/** One of the two, and the times that it has told. */
interface Side {
  readonly clock: LineClock;
  /** Goes on until so many repetitions in all are finished. */
  run(repetitions: number): Promise<void>;
}

const bareSide = (image: string, commandLine: string): Side => {
  const clock = new LineClock();
  const machine = createBareMachine({ memoryMib: MEMORY_MIB, onSerialByte: (byte) => clock.take(byte) });
  const problem = machine.boot(readFileSync(image), commandLine);
  if (problem !== null) throw new Error(problem.message);
  return {
    clock,
    run: async (repetitions) => {
      while (clock.repetitions.length < repetitions) {
        const stop = machine.run(BARE_SLICE);
        if (stop !== null) throw new Error(`the machine stopped: ${stop.kind}`);
      }
    },
  };
};

const paravirtualSide = async (image: string, commandLine: string): Promise<Side> => {
  const clock = new LineClock();
  let wanted = 0;
  const host = createNodeHost({
    memoryMiB: 2 * MEMORY_MIB,
    seed: 1,
    clock: "virtual",
    onFailure: (error) => {
      throw error;
    },
    onEmergencyOutput: (_domain, bytes) => {
      for (const byte of bytes) clock.take(byte);
      if (clock.repetitions.length >= wanted) host.stop();
    },
  });
  const running = host.run();
  await host.toolstack.create({
    name: "yardstick",
    payload: { kind: "image", kernel: readFileSync(image), ramdisk: null },
    commandLine,
    memoryMiB: MEMORY_MIB,
    vcpus: 1,
    disks: [],
    scheduling: {},
  });
  await running;
  return {
    clock,
    run: async (repetitions) => {
      wanted = repetitions;
      await host.run({ untilNs: host.clock.now() + LIMIT_NS });
      if (clock.repetitions.length < repetitions) throw new Error("the domain stopped");
    },
  };
};

/** Median time of a turn's repetitions but the first. */
const turnMs = async ({ clock, run }: Side, turn: number): Promise<number> => {
  clock.go();
  await run((turn + 1) * TURN);
  clock.stop();
  return median(clock.repetitions.slice(turn * TURN + 1, (turn + 1) * TURN).map(({ ms }) => ms));
};

const costOf = async (
  images: readonly [string, string],
  only: string,
  rounds: number,
): Promise<KernelCost> => {
  const turns = WARM_UP + rounds * TURNS_PER_ROUND;
  // More repetitions than are waited for: nobody gets to the end.
  const commandLine = `o=${only} r=${2 * turns * TURN}`;
  const bare = bareSide(images[0], commandLine);
  const paravirtual = await paravirtualSide(images[1], commandLine);
  const pairs: { readonly bareMs: number; readonly paravirtualMs: number }[] = [];
  for (let turn = 0; turn < turns; turn++) {
    const pair = { bareMs: await turnMs(bare, turn), paravirtualMs: await turnMs(paravirtual, turn) };
    if (turn >= WARM_UP) pairs.push(pair);
  }
  const all = [...bare.clock.repetitions, ...paravirtual.clock.repetitions];
  return {
    name: all[0]?.kernel ?? only,
    bareMs: median(pairs.map(({ bareMs }) => bareMs)),
    paravirtualMs: median(pairs.map(({ paravirtualMs }) => paravirtualMs)),
    ratio: median(pairs.map(({ bareMs, paravirtualMs }) => paravirtualMs / bareMs)),
    isSame: new Set(all.map(({ checksum }) => checksum)).size === 1,
  };
};

/** The table, and the mean of all kernels. */
export const kernelLines = (costs: readonly KernelCost[]): readonly string[] => [
  ...tableOf([
    ["kernel", "bare ms", "PV ms", "ratio", "checksums"],
    ...costs.map(({ name, bareMs, paravirtualMs, ratio, isSame }) => [
      name,
      bareMs.toFixed(2),
      paravirtualMs.toFixed(2),
      ratio.toFixed(3),
      isSame ? "same" : "DIFFERENT",
    ]),
  ]),
  `computing takes ${geometricMean(costs.map(({ ratio }) => ratio)).toFixed(3)} times as long under the hypervisor (geometric mean of the kernels)`,
];

/**
 * Runs the yardstick's computing kernels in this process as a domain and without a hypervisor, one repetition of the one and one of the
 * other in turn, and takes the processor time of each: what else the machine does disturbs both, and little.
 * @throws UsageError where the yardstick is not set up, or there is no compiler for its images
 */
export const compareKernels = async (
  directory: string | undefined,
  rounds: number,
  say: (line: string) => void,
): Promise<readonly KernelCost[]> => {
  const { wideImage, xenImage } = openYardstick(directory);
  if (wideImage === null || xenImage === null) throw new UsageError("there are no 64-bit images");
  const costs: KernelCost[] = [];
  for (const [index, only] of COMPUTING.entries()) {
    process.stderr.write(`kernel ${index + 1} of ${COMPUTING.length}: ${only}\n`);
    costs.push(await costOf([wideImage, xenImage], only, rounds));
  }
  for (const line of kernelLines(costs)) say(line);
  return costs;
};
