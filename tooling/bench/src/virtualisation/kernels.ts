import { readFileSync } from "node:fs";
import { createBareMachine } from "@xenolith/bare-machine";
import { createNodeHost } from "@xenolith/host/node";
import { geometricMean, median } from "../cpu/statistics.ts";
import { openYardstick } from "../cpu/yardstick.ts";
import { tableOf } from "../table.ts";
import { UsageError } from "../usage-error.ts";
import { LineClock, type Repetition } from "./line-clock.ts";

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
/** Processor time of one side before it is the others' turn, if a repetition is not longer. A first one finds cold caches and does not count. */
const TURN_MS = 60;
/** Time that does not count: code is still being translated and optimised, the kernel's and the host's. */
const WARM_UP_MS = 600;
const TURNS_PER_ROUND = 8;
const MEMORY_MIB = 64;
const PAGE_BYTES = 4096;
const BARE_SLICE = 5_000_000;
/** Virtual time after which a domain that has said nothing is given up. */
const LIMIT_NS = 1e12;
/** More repetitions than are waited for: nobody gets to the end. */
const REPETITIONS = 1_000_000;

/** A kernel of less than 2 ms, and how often it warms the host up. */
const SHORT = "c2";
const SHORT_REPETITIONS = 6000;

/** A kernel's time as a domain and without a hypervisor. */
export interface KernelCost {
  readonly name: string;
  /** Medians of the turns. */
  readonly bareMs: number;
  readonly paravirtualMs: number;
  /** Of two domains to two bare machines: median of the turns of a round, one after the other; mean of the rounds. */
  readonly ratio: number;
  /** Likewise of the second bare machine to the first: what the comparison itself is worth. */
  readonly control: number;
  /** Whether all came to the same result. */
  readonly isSame: boolean;
}

/** One of those that are compared, and the times that it has told. */
interface Side {
  readonly clock: LineClock;
  /** Goes on until so many more repetitions are finished. */
  run(repetitions: number): Promise<void>;
}

const bareSide = (image: string, commandLine: string): Side => {
  const clock = new LineClock();
  const machine = createBareMachine({ memoryMib: MEMORY_MIB, onSerialByte: (byte) => clock.take(byte) });
  // Pages that nobody has written are all one page of the process, which its caches hold. A domain's pages have been written.
  const { bytes } = machine.memory;
  for (let page = 0; page < MEMORY_MIB * 2 ** 20; page += PAGE_BYTES) bytes[page] = 0;
  const problem = machine.boot(readFileSync(image), commandLine);
  if (problem !== null) throw new Error(problem.message);
  return {
    clock,
    run: async (repetitions) => {
      const wanted = clock.repetitions.length + repetitions;
      while (clock.repetitions.length < wanted) {
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
      wanted = clock.repetitions.length + repetitions;
      await host.run({ untilNs: host.clock.now() + LIMIT_NS });
      if (clock.repetitions.length < wanted) throw new Error("the domain stopped");
    },
  };
};

/** Mean time of a turn's repetitions but the first. */
const turnMs = async ({ clock, run }: Side, counted: number): Promise<number> => {
  const first = clock.repetitions.length + 1;
  clock.go();
  await run(counted + 1);
  clock.stop();
  const times = clock.repetitions.slice(first, first + counted).map(({ ms }) => ms);
  return times.reduce((sum, ms) => sum + ms, 0) / counted;
};

/** Runs one of them until all is translated. @returns milliseconds of a repetition */
const warmUp = async (side: Side): Promise<number> => {
  let ms = 0;
  for (let gone = 0; gone < WARM_UP_MS; gone += 3 * ms) ms = await turnMs(side, 2);
  return ms;
};

/**
 * Runs a short kernel until V8 has optimised what a host does for each line, slice and round of the event loop, which come by so
 * seldom that compiling it would otherwise be charged to the kernels for minutes: some milliseconds of processor time at a time.
 */
const warmUpHost = async (images: readonly [string, string]): Promise<void> => {
  const commandLine = `o=${SHORT} r=${REPETITIONS}`;
  for (const side of [bareSide(images[0], commandLine), await paravirtualSide(images[1], commandLine)])
    await side.run(SHORT_REPETITIONS);
};

/** Times of a turn. */
interface Turn {
  readonly bareMs: readonly [number, number];
  readonly paravirtualMs: readonly [number, number];
}

/**
 * A round with two machines and two domains of its own: where the host's kernel puts their memory, and V8 their code, makes some
 * percent. Where jumps are hard to foresee, as in an interpreter of bytecodes, it makes far more, in both directions.
 */
const roundOf = async (
  images: readonly [string, string],
  only: string,
  seen: Repetition[],
): Promise<readonly Turn[]> => {
  const commandLine = `o=${only} r=${REPETITIONS}`;
  const sides = [
    bareSide(images[0], commandLine),
    await paravirtualSide(images[1], commandLine),
    bareSide(images[0], commandLine),
    await paravirtualSide(images[1], commandLine),
  ] as const;
  let repetitionMs = 0;
  for (const side of sides) repetitionMs = await warmUp(side);
  const counted = Math.max(1, Math.round(TURN_MS / repetitionMs));
  const turns: Turn[] = [];
  for (let turn = 0; turn < TURNS_PER_ROUND; turn++) {
    const times: [number, number, number, number] = [0, 0, 0, 0];
    // Who comes first changes, so that what slowly becomes faster or slower favours nobody.
    for (let n = 0; n < sides.length; n++) {
      const index = (turn + n) % sides.length;
      const side = sides[index];
      if (side !== undefined) times[index] = await turnMs(side, counted);
    }
    turns.push({ bareMs: [times[0], times[2]], paravirtualMs: [times[1], times[3]] });
  }
  for (const { clock } of sides) seen.push(...clock.repetitions);
  return turns;
};

const costOf = async (
  images: readonly [string, string],
  only: string,
  rounds: number,
): Promise<KernelCost> => {
  const seen: Repetition[] = [];
  const all: (readonly Turn[])[] = [];
  for (let round = 0; round < rounds; round++) all.push(await roundOf(images, only, seen));
  const meanOfRounds = (ratioOf: (turn: Turn) => number): number =>
    geometricMean(all.map((turns) => median(turns.map(ratioOf))));
  return {
    name: seen[0]?.kernel ?? only,
    bareMs: median(all.flat().flatMap(({ bareMs }) => bareMs)),
    paravirtualMs: median(all.flat().flatMap(({ paravirtualMs }) => paravirtualMs)),
    ratio: meanOfRounds(({ bareMs, paravirtualMs }) => geometricMean(paravirtualMs) / geometricMean(bareMs)),
    control: meanOfRounds(({ bareMs: [first, second] }) => second / first),
    isSame: new Set(seen.map(({ checksum }) => checksum)).size === 1,
  };
};

const meanOf = (costs: readonly KernelCost[], ratio: "ratio" | "control"): string =>
  geometricMean(costs.map((cost) => cost[ratio])).toFixed(3);

/** The table, and the mean of all kernels. */
export const kernelLines = (costs: readonly KernelCost[]): readonly string[] => [
  ...tableOf([
    ["kernel", "bare ms", "PV ms", "ratio", "bare again", "checksums"],
    ...costs.map(({ name, bareMs, paravirtualMs, ratio, control, isSame }) => [
      name,
      bareMs.toFixed(2),
      paravirtualMs.toFixed(2),
      ratio.toFixed(3),
      control.toFixed(3),
      isSame ? "same" : "DIFFERENT",
    ]),
  ]),
  `computing takes ${meanOf(costs, "ratio")} times as long under the hypervisor (geometric mean of the kernels)`,
  `a second bare machine takes ${meanOf(costs, "control")} times as long as the first`,
];

/**
 * Runs the yardstick's computing kernels in this process as two domains and twice without a hypervisor, some repetitions of each in
 * turn, and takes the processor time of each: what else the machine does disturbs all, and little.
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
  await warmUpHost([wideImage, xenImage]);
  for (const [index, only] of COMPUTING.entries()) {
    process.stderr.write(`kernel ${index + 1} of ${COMPUTING.length}: ${only}\n`);
    costs.push(await costOf([wideImage, xenImage], only, rounds));
  }
  for (const line of kernelLines(costs)) say(line);
  return costs;
};
