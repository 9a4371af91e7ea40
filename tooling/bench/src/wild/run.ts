import { createFlatMachine, FLAT_AREA_BYTES, type FlatMachine, type FlatMode } from "@xenolith/bare-machine";
import { EXIT } from "@xenolith/machine-interface";
import { CR4, REGISTER, SEGMENT } from "@xenolith/x86-architecture";
import { type EngineTuning, MAX_MODEL } from "@xenolith/x86-cpu";
import { createNoise, type Noise } from "./noise.ts";

/** What wild code runs as. */
export interface WildWorld {
  readonly mode: FlatMode;
  readonly privilege: 0 | 1 | 2 | 3;
  readonly tuning: EngineTuning;
}

/** How much of it. */
export interface WildAmount {
  readonly seed: number;
  /** Random bytes to execute: every so many of them a run begins. */
  readonly bytes: number;
  /** Whether to give up early. */
  readonly isOver?: () => boolean;
}

/** What became of it. */
export interface WildOutcome {
  readonly bytes: number;
  readonly runs: number;
  readonly retired: number;
  /** Ends of runs by their names. */
  readonly ends: Readonly<Record<string, number>>;
  readonly slowestMs: number;
  /** What must not happen: exceptions in the host, runs that retire too much or take too long, bytes that changed. */
  readonly problems: readonly string[];
}

const MEMORY_MIB = 2;
const CODE = 0x1_0000;
const CHUNK_BYTES = 0x8000;
const REAL_MODE_CODE = 0x2000;
const STEP_BYTES = 16;
const BUDGET = 250;
/** A run takes a millisecond; on a machine with much else to do it may wait for seconds. */
const SLOW_MS = 30_000;
const GUARD_BYTES = 1 << 16;
const GUARD = 0xa5;
const MOST_PROBLEMS = 10;
/** Runs between two repairs of the tables that wild stores may have hit. */
const REPAIR_EVERY = 32;

const END_NAMES = new Map<number, string>(Object.entries(EXIT).map(([name, kind]) => [kind, name]));

const enterPrivilege = ({ context }: FlatMachine, { mode, privilege }: WildWorld): void => {
  if (mode === "real") return;
  context.setControl(4, context.control(4) | CR4.osxsave | CR4.fsgsbase | CR4.vme | CR4.pvi);
  const limit = 0xffff_ffff;
  const dpl = privilege << 5;
  const code = (mode === "long-flat" ? 0xa09b : 0xc09b) | dpl;
  context.setSegment(SEGMENT.cs, { selector: 0x28 | privilege, base: 0, limit, attributes: code });
  for (const index of [SEGMENT.ss, SEGMENT.ds, SEGMENT.es]) {
    context.setSegment(index, { selector: 0x30 | privilege, base: 0, limit, attributes: 0xc093 | dpl });
  }
};

const setRegisters = ({ context }: FlatMachine, noise: Noise, ramBytes: number): void => {
  for (let index = 0; index < 16; index++) {
    const value = noise.next() % 4 === 0 ? noise.next() : noise.next() % ramBytes;
    context.setWideRegister(index, BigInt(value));
  }
  context.setWideRegister(REGISTER.rsp, BigInt(0x8000 + (noise.next() % 0x1000)));
  context.flags = (noise.next() & 0xcd5) | 2;
};

/** Executes random bytes from many places on, with random registers. */
export const runWild = (world: WildWorld, { seed, bytes, isOver = () => false }: WildAmount): WildOutcome => {
  const machine = createFlatMachine({
    mode: world.mode,
    memoryMib: MEMORY_MIB,
    model: MAX_MODEL,
    recordBytes: 1 << 20,
    ...world.tuning,
  });
  const { memory, processor } = machine;
  const guard = memory.reserve(GUARD_BYTES);
  memory.bytes.fill(GUARD, guard, guard + GUARD_BYTES);
  const noise = createNoise(seed);
  const fresh = processor.save();
  const tables = machine.read(memory.ramBytes - FLAT_AREA_BYTES, FLAT_AREA_BYTES);
  const code = world.mode === "real" ? REAL_MODE_CODE : CODE;
  const ends: Record<string, number> = {};
  const problems: string[] = [];
  let runs = 0;
  let retired = 0;
  let slowestMs = 0;
  let done = 0;

  const runOnce = (at: number): void => {
    processor.restore(fresh);
    enterPrivilege(machine, world);
    setRegisters(machine, noise, memory.ramBytes);
    machine.context.instructionPointer = at;
    const startMs = performance.now();
    const exit = processor.run(BUDGET);
    const tookMs = performance.now() - startMs;
    slowestMs = Math.max(slowestMs, tookMs);
    if (tookMs > SLOW_MS) problems.push(`a run from ${at.toString(16)} took ${tookMs.toFixed(0)} ms`);
    if (exit.retired > BUDGET) problems.push(`a run retired ${exit.retired} instructions`);
    const name = END_NAMES.get(exit.kind) ?? `${exit.kind}`;
    ends[name] = (ends[name] ?? 0) + 1;
    retired += exit.retired;
    runs += 1;
  };

  const checkGuard = (): void => {
    const isWhole = memory.bytes.subarray(guard, guard + GUARD_BYTES).every((byte) => byte === GUARD);
    if (!isWhole) problems.push("bytes beyond RAM have changed");
    const watches = memory.bytes.subarray(
      memory.watchTableOffset,
      memory.watchTableOffset + memory.frameCount,
    );
    if (watches.some((byte) => byte > 7)) problems.push("the watch table was written");
  };

  while (done < bytes && problems.length < MOST_PROBLEMS && !isOver()) {
    const length = Math.min(CHUNK_BYTES, bytes - done);
    machine.write(code, noise.bytes(CHUNK_BYTES));
    for (let at = 0; at < length && problems.length < MOST_PROBLEMS; at += STEP_BYTES) {
      if (runs % REPAIR_EVERY === 0 && world.mode !== "real") {
        machine.write(memory.ramBytes - FLAT_AREA_BYTES, tables);
      }
      try {
        runOnce(code + at);
      } catch (error) {
        problems.push(`seed ${seed}, byte ${done + at}: ${error instanceof Error ? error.stack : error}`);
      }
    }
    checkGuard();
    done += length;
  }
  return { bytes: Math.min(done, bytes), runs, retired, ends, slowestMs, problems };
};
