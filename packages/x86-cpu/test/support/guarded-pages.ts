import { ACCESS, FRAME_WATCH, toMfn } from "@xenolith/machine-interface";
import type { EngineBench } from "./engine-bench.ts";
import type { WideBench } from "./wide-bench.ts";

const PAGE = 4096;
/** The first frame that {@link fillPages} fills: code lies below. */
const FIRST_FILLED = 2;

/** Most frames that it fills. */
const MOST_FILLED = 32;

/** A processor in 32-bit or 64-bit code. */
export type Bench = EngineBench | WideBench;

/** Pages that cannot be accessed, cannot be written, and whose stores somebody wants to see. */
export const GUARDED = { closed: 12, unwritable: 15, watched: 18 } as const;

/** Makes pages of a bench what {@link GUARDED} says. */
export const guardPages = (bench: Bench): Bench => {
  for (const access of [ACCESS.read, ACCESS.write]) bench.translator.deny(GUARDED.closed, access);
  bench.translator.deny(GUARDED.unwritable, ACCESS.write);
  bench.memory.watch(toMfn(GUARDED.watched), FRAME_WATCH.hook);
  return bench;
};

const CONTENTS = Uint8Array.from({ length: MOST_FILLED * PAGE }, (_, at) => (at * 37 + (at >>> 8)) & 0xff);

/** Fills memory up to a frame, the 34th at most, with bytes that differ from one another, and says so. */
export const fillPages = ({ memory }: Bench, frames: number): void => {
  memory.bytes.set(CONTENTS.subarray(0, (frames - FIRST_FILLED) * PAGE), FIRST_FILLED * PAGE);
  for (let frame = FIRST_FILLED; frame < frames; frame++) memory.written(toMfn(frame), 0, PAGE);
};

/** A place as registers hold it: of 32-bit code, or seen through a part of the address space that mirrors memory. */
export const mirrored = (at: number, mirror: number | null): bigint =>
  BigInt.asUintN(mirror === null ? 32 : 64, BigInt(at + (mirror ?? 0)));
