import { type EntropySource, type Mfn, toMfn } from "@xenolith/machine-interface";

/** Frames of a window: 16 MiB. */
const WINDOW_FRAMES = 4096;

/**
 * The frames that nobody has. They are given out at random within the lowest window that has any: in no order that a guest
 * could rely on, but close together, so that the process behind the machine touches little memory that it does not use.
 */
export interface FreeFrames {
  readonly count: number;
  /** Takes a frame. @returns null when there is none. */
  take(): Mfn | null;
  give(frame: Mfn): void;
  /** All free frames, for checking. */
  list(): Mfn[];
}

/** Makes the pool of the frames from `first` up to, not including, `end`. */
export const createFreeFrames = (first: number, end: number, entropy: EntropySource): FreeFrames => {
  const windows = Math.ceil(end / WINDOW_FRAMES);
  /** Free frames of window w: `frames[w * WINDOW_FRAMES]` and the `counts[w] - 1` behind it. */
  const frames = new Uint32Array(windows * WINDOW_FRAMES);
  const counts = new Uint32Array(windows);
  let total = 0;
  /** No window below this one has a free frame. */
  let lowest = 0;

  const countOf = (window: number): number => counts[window] ?? 0;

  const give = (frame: Mfn): void => {
    const window = Math.floor(frame / WINDOW_FRAMES);
    frames[window * WINDOW_FRAMES + countOf(window)] = frame;
    counts[window] = countOf(window) + 1;
    total++;
    lowest = Math.min(lowest, window);
  };

  for (let frame = first; frame < end; frame++) give(toMfn(frame));

  return {
    get count(): number {
      return total;
    },
    give,
    take() {
      if (total === 0) return null;
      while (countOf(lowest) === 0) lowest++;
      const start = lowest * WINDOW_FRAMES;
      const remaining = countOf(lowest) - 1;
      const chosen = start + entropy.below(remaining + 1);
      const frame = frames[chosen] ?? 0;
      frames[chosen] = frames[start + remaining] ?? 0;
      counts[lowest] = remaining;
      total--;
      return toMfn(frame);
    },
    list() {
      const found: Mfn[] = [];
      for (let window = 0; window < windows; window++) {
        const start = window * WINDOW_FRAMES;
        for (const frame of frames.subarray(start, start + countOf(window))) found.push(toMfn(frame));
      }
      return found;
    },
  };
};
