import { json } from "node:stream/consumers";
import { getHeapSnapshot, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { CONTROL_SCHEDULING, defaultDiskTiming, type SchedulerName, schedulersByName } from "@xenolith/host";
import { type AssembledHost, assembleHost } from "@xenolith/host/testing";
import { pebbleImage } from "@xenolith/pebble";
import type { PoolScheduler } from "@xenolith/scheduler-interface";
import type { DomId } from "@xenolith/xen-abi";

/** Machine of all benchmarks of domains. */
const MEMORY_MIB = 1024;

/** Memory of each domain. */
const DOMAIN_MIB = 4;

const image = pebbleImage();

/** A virtual host with domains that are added to it bit by bit. */
export interface BenchHost extends AssembledHost {
  /** Domains in order of their creation. */
  readonly domains: readonly DomId[];
  /** Adds domains until there are `count`, and runs until all are at rest. Their command line is made by number. */
  grow(count: number, commandLine: (index: number) => string): Promise<void>;
  /** Adds domains that do not run yet. */
  prepare(count: number, commandLine: (index: number) => string, scheduling?: Scheduling): Promise<void>;
  /** Lets prepared domains run. */
  start(): void;
  /** Runs for a while of virtual time. */
  runFor(ns: number): Promise<void>;
}

/** Parameters of a domain by its number. */
export type Scheduling = (index: number) => Readonly<Record<string, number | boolean>>;

/** What a host is made with. */
export interface BenchHostOptions {
  readonly scheduler: SchedulerName;
  readonly seed?: number;
  readonly cpuCount?: number;
  /** Puts something between hypervisor and scheduler. */
  readonly watch?: (scheduler: PoolScheduler) => PoolScheduler;
}

/** Makes a host without domains. */
export const createBenchHost = (options: BenchHostOptions): BenchHost => {
  const { scheduler, watch = (one: PoolScheduler): PoolScheduler => one } = options;
  const create = schedulersByName(scheduler);
  const assembled = assembleHost({
    memoryMiB: MEMORY_MIB,
    seed: options.seed ?? 1,
    clock: "virtual",
    cpuCount: options.cpuCount ?? 1,
    createPoolScheduler(name, cpus, trace) {
      const made = create(name, cpus, trace);
      return made === null ? null : watch(made);
    },
    controlScheduling: CONTROL_SCHEDULING[scheduler],
    diskTiming: defaultDiskTiming,
    traceCapacity: 1_000_000,
    breathe: () => new Promise((resolve) => setImmediate(resolve)),
    onEmergencyOutput: () => {},
    onFailure: (error) => {
      throw error;
    },
  });
  const { host } = assembled;
  const domains: DomId[] = [];

  const createAll = async (
    count: number,
    commandLine: (index: number) => string,
    scheduling: Scheduling,
    paused: boolean,
  ): Promise<void> => {
    while (domains.length < count) {
      const index = domains.length;
      const domain = await host.toolstack.create(
        {
          name: `domain${index}`,
          payload: { kind: "image", kernel: image, ramdisk: null },
          commandLine: commandLine(index),
          memoryMiB: DOMAIN_MIB,
          vcpus: 1,
          disks: [],
          scheduling: scheduling(index),
        },
        { paused },
      );
      domains.push(domain);
    }
  };

  return {
    ...assembled,
    domains,
    async grow(count, commandLine) {
      const rest = host.run();
      await createAll(count, commandLine, () => ({}), false);
      await rest;
    },
    async prepare(count, commandLine, scheduling = () => ({})) {
      const rest = host.run();
      await createAll(count, commandLine, scheduling, true);
      await rest;
    },
    start() {
      for (const domain of domains) host.control.unpause(domain);
    },
    async runFor(ns) {
      await host.run({ untilNs: host.clock.now() + ns });
    },
  };
};

let collect: (() => void) | null = null;

/** A heap snapshot, as far as it is of interest: one row of numbers after the other, with names of the columns. */
interface HeapSnapshot {
  readonly snapshot: {
    readonly meta: {
      readonly node_fields: readonly string[];
      readonly node_types: readonly (readonly string[])[];
    };
  };
  readonly nodes: readonly number[];
}

/** Bytes of all objects of the heap and of buffers outside it, but for what the program itself was compiled to. */
const objectBytes = ({ snapshot, nodes }: HeapSnapshot): number => {
  const { node_fields: fields, node_types: types } = snapshot.meta;
  const code = types[0]?.indexOf("code");
  let sum = 0;
  for (let row = 0; row < nodes.length; row += fields.length) {
    if (nodes[row + fields.indexOf("type")] !== code) sum += nodes[row + fields.indexOf("self_size")] ?? 0;
  }
  return sum;
};

/**
 * Bytes of the JavaScript heap and of buffers outside it that are in use. Compiled code is not counted, nor what the compiler has
 * noted: how much of it there is depends on how long the program has run, not on what it keeps.
 */
export const usedBytes = async (): Promise<number> => {
  if (collect === null) {
    setFlagsFromString("--expose-gc");
    collect = runInNewContext("gc") as () => void;
  }
  // Finalizers and weak references need a turn of the process between collections.
  for (let round = 0; round < 6; round++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return objectBytes((await json(getHeapSnapshot())) as HeapSnapshot);
};
