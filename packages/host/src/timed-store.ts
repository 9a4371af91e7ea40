import type { BlockRequest, BlockStatus, BlockStore } from "@xenolith/backend-interface";
import type { Timers } from "@xenolith/domain-interface";
import { toNanoseconds } from "@xenolith/machine-interface";
import type { Holds } from "./holds.ts";

/** How long requests to a modelled disk take. */
export interface DiskTiming {
  /** Time to start any request. */
  readonly accessNs: number;
  /** Time per byte read or written. */
  readonly perByteNs: number;
  /** Time of a flush. */
  readonly flushNs: number;
}

/** A disk of the order of a solid-state one: 80 µs to start, 500 MB/s, 400 µs to flush. */
export const defaultDiskTiming: DiskTiming = { accessNs: 80_000, perByteNs: 2, flushNs: 400_000 };

const durationOf = (request: BlockRequest, timing: DiskTiming): number => {
  switch (request.kind) {
    case "read":
      return timing.accessNs + request.into.length * timing.perByteNs;
    case "write":
      return timing.accessNs + request.from.length * timing.perByteNs;
    case "flush":
      return timing.flushNs;
    case "discard":
      return timing.accessNs;
  }
};

/**
 * Puts a modelled disk in front of a store: requests are served one after another, each for as long as the model says, and
 * complete at that point of the domain's time, never when the real medium happens to answer. Where the real answer is late,
 * time is held at the modelled completion until it is there.
 */
export const createTimedStore = (
  store: BlockStore,
  timers: Timers,
  holds: Holds,
  timing: DiskTiming,
): BlockStore => {
  let busyUntilNs = 0;

  const submit = (request: BlockRequest, done: (status: BlockStatus) => void): void => {
    let answer: BlockStatus | null = null;
    let endHold: (() => void) | null = null;
    store.submit(request, (status) => {
      answer = status;
      if (endHold === null) return;
      done(status);
      endHold();
    });
    busyUntilNs = Math.max(busyUntilNs, timers.now()) + durationOf(request, timing);
    timers.at(toNanoseconds(busyUntilNs), () => {
      if (answer === null) endHold = holds.open();
      else done(answer);
    });
  };

  return {
    sectorCount: store.sectorCount,
    readOnly: store.readOnly,
    canDiscard: store.canDiscard,
    submit,
    close: () => store.close(),
  };
};
