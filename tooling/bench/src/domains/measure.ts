import { TLB_ENTRY_BYTES, TLB_ENTRY_COUNT } from "@xenolith/machine-interface";
import type { PoolScheduler, VcpuId } from "@xenolith/scheduler-interface";
import { type BenchHost, createBenchHost, usedBytes } from "./host.ts";

const SECOND_NS = 1_000_000_000;
/** C of BVT and one mcu, in mcu. */
const LAG_LIMIT_MCU = 51;
/** Reads, writes, code. */
const TLB_ARRAYS = 3;

const atPrompt = (index: number): string => `quiet name=domain${index}`;
const computing = (index: number): string => `quiet name=domain${index} run="spin 100000"`;

/** How long `count` domains take from nothing until all are at their prompt, in seconds of wall time. */
export const measureBoot = async (count: number): Promise<number> => {
  const startMs = performance.now();
  await createBenchHost({ scheduler: "bvt" }).grow(count, atPrompt);
  return (performance.now() - startMs) / 1000;
};

/** What one domain more costs. */
export interface StateFigures {
  /** Bytes of the heap, of buffers, and of the engine's memory, for each domain. */
  readonly bytesPerDomain: number;
  /** The same with its part of the TLB, which is one and of a fixed size. */
  readonly bytesWithTlb: number;
}

/**
 * State that a host keeps for a domain, its memory aside: the difference between `count` domains at rest and half as many. What
 * is decoded and translated is thrown away first: it is a cache of a fixed size, which all domains share.
 */
export const measureState = async (count: number): Promise<StateFigures> => {
  const bench = createBenchHost({ scheduler: "bvt" });
  const stateBytes = async (): Promise<number> => {
    await bench.runFor(SECOND_NS);
    bench.processor.forgetCode();
    return (await usedBytes()) + bench.memory.reserve(0);
  };
  const half = count >>> 1;
  await bench.grow(half, atPrompt);
  const before = await stateBytes();
  await bench.grow(count, atPrompt);
  const bytesPerDomain = ((await stateBytes()) - before) / (count - half);
  const tlbBytes = TLB_ARRAYS * TLB_ENTRY_COUNT * TLB_ENTRY_BYTES;
  return { bytesPerDomain, bytesWithTlb: bytesPerDomain + tlbBytes / count };
};

/** Watches how far BVT lets any VCPU get ahead of the one furthest behind. */
const lagWatch = () => {
  let most = 0;
  let last: VcpuId | null = null;
  const gone = new Set<VcpuId>();
  return {
    reset: (): void => {
      most = 0;
    },
    lagMcu: (): number => most,
    watch: (scheduler: PoolScheduler): PoolScheduler => ({
      ...scheduler,
      remove(vcpu) {
        gone.add(vcpu);
        scheduler.remove(vcpu);
      },
      choose(cpu, now, ranNs) {
        const decision = scheduler.choose(cpu, now, ranNs);
        // Only the time of the one that ran has changed.
        if (last !== null && !gone.has(last)) {
          const { avtMcu, svtMcu, weight } = scheduler.report(last);
          // Virtual time goes faster for light weights: an mcu of running is as many mcu of the default weight.
          const lag = ((Number(avtMcu) - Number(svtMcu)) * Number(weight)) / 256;
          most = Math.max(most, lag);
        }
        last = decision.vcpu;
        return decision;
      },
    }),
  };
};

/** How `count` computing domains share a processor, and what that costs. */
export interface SharingFigures {
  readonly lagMcu: number;
  readonly lagLimitMcu: number;
  /** Largest distance of a domain's share from an equal one, as a part of it. */
  readonly unfairness: number;
  /** Wall time lost against one domain doing as much, as a part; the median of all rounds. */
  readonly wallLoss: number;
  /** The same in processor time of this process, which other processes disturb less. */
  readonly processorLoss: number;
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >>> 1] ?? Number.NaN;

interface Cost {
  readonly wallMs: number;
  readonly processorMs: number;
}

const costOf = async (bench: BenchHost, ns: number): Promise<Cost> => {
  const startMs = performance.now();
  const start = process.cpuUsage();
  await bench.runFor(ns);
  const { user, system } = process.cpuUsage(start);
  return { wallMs: performance.now() - startMs, processorMs: (user + system) / 1000 };
};

/** Runs `count` computing domains beside a host with one, in turn, for so many seconds of virtual time in all. */
export const measureSharing = async (count: number, seconds: number): Promise<SharingFigures> => {
  const watched = lagWatch();
  const many = createBenchHost({ scheduler: "bvt", watch: watched.watch });
  const one = createBenchHost({ scheduler: "bvt" });
  await many.prepare(count, computing);
  await one.prepare(1, computing);
  for (const bench of [many, one]) {
    bench.start();
    await bench.runFor(2 * SECOND_NS);
  }
  const used = (): number[] => many.domains.map((domain) => many.host.control.describe(domain)?.cpuNs ?? 0);
  const before = used();
  watched.reset();
  const rounds: { wall: number; processor: number }[] = [];
  for (let second = 0; second < seconds; second += 2) {
    // Which goes first changes, so that neither always finds what the other has left behind.
    const first = second % 4 === 0 ? many : one;
    const firstCost = await costOf(first, 2 * SECOND_NS);
    const otherCost = await costOf(first === many ? one : many, 2 * SECOND_NS);
    const [manyCost, oneCost] = first === many ? [firstCost, otherCost] : [otherCost, firstCost];
    rounds.push({
      wall: manyCost.wallMs / oneCost.wallMs - 1,
      processor: manyCost.processorMs / oneCost.processorMs - 1,
    });
  }
  const shares = used().map((ns, index) => ns - (before[index] ?? 0));
  const equal = shares.reduce((sum, ns) => sum + ns, 0) / count;
  return {
    lagMcu: watched.lagMcu(),
    lagLimitMcu: LAG_LIMIT_MCU,
    unfairness: Math.max(...shares.map((ns) => Math.abs(ns / equal - 1))),
    wallLoss: median(rounds.map(({ wall }) => wall)),
    processorLoss: median(rounds.map(({ processor }) => processor)),
  };
};
