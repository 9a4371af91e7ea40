import { type EntropySource, type Mfn, toMfn } from "@xenolith/machine-interface";

/** Frames of a window: 16 MiB. */
const WINDOW_FRAMES = 4096;

/**
 * The frames that nobody has. They are given out at random within the lowest window that has any: in no order that a guest
 * could rely on, but close together, so that the process behind the machine touches little memory that it does not use.
 */
export interface FreeFrames {
  /** How many there are. */
  readonly count: number;
  /** Takes a frame. @returns null when there is none. */
  take(): Mfn | null;
  /**
   * Takes 2^order frames that lie one behind the other, the first at a multiple of their number, all below `limit`: the
   * highest there are. @returns the first, or null when there are none. Cost: at worst a walk over all frames.
   */
  takeExtent(order: number, limit: number): Mfn | null;
  give(frame: Mfn): void;
  /** All free frames, for checking. */
  list(): Mfn[];
}

/** Makes the pool of the frames from `first` up to, not including, `end`. `changed` is told how many are left, from then on. */
export const createFreeFrames = (
  first: number,
  end: number,
  entropy: EntropySource,
  changed: (count: number) => void = () => {},
): FreeFrames => {
  const windows = Math.ceil(end / WINDOW_FRAMES);
  /** Free frames of window w: `frames[w * WINDOW_FRAMES]` and the `counts[w] - 1` behind it. */
  const frames = new Uint32Array(windows * WINDOW_FRAMES);
  const counts = new Uint32Array(windows);
  /** Where in `frames` a frame stands, plus one; 0: it is not free. */
  const places = new Uint32Array(end);
  let total = 0;
  /** No window below this one has a free frame. */
  let lowest = 0;

  const countOf = (window: number): number => counts[window] ?? 0;

  const add = (frame: Mfn): void => {
    const window = Math.floor(frame / WINDOW_FRAMES);
    const place = window * WINDOW_FRAMES + countOf(window);
    frames[place] = frame;
    places[frame] = place + 1;
    counts[window] = countOf(window) + 1;
    total++;
    lowest = Math.min(lowest, window);
  };

  /** Takes the frame at a place; the last of its window moves there. */
  const takeAt = (place: number): Mfn => {
    const window = Math.floor(place / WINDOW_FRAMES);
    const last = window * WINDOW_FRAMES + countOf(window) - 1;
    const frame = frames[place] ?? 0;
    const moved = frames[last] ?? 0;
    frames[place] = moved;
    places[moved] = place + 1;
    places[frame] = 0;
    counts[window] = countOf(window) - 1;
    total--;
    changed(total);
    return toMfn(frame);
  };

  const areFree = (start: number, count: number): boolean => {
    for (let frame = start; frame < start + count; frame++) if ((places[frame] ?? 0) === 0) return false;
    return true;
  };

  for (let frame = first; frame < end; frame++) add(toMfn(frame));

  return {
    get count(): number {
      return total;
    },
    give(frame) {
      add(frame);
      changed(total);
    },
    take() {
      if (total === 0) return null;
      while (countOf(lowest) === 0) lowest++;
      return takeAt(lowest * WINDOW_FRAMES + entropy.below(countOf(lowest)));
    },
    takeExtent(order, limit) {
      const count = 2 ** order;
      if (count > total) return null;
      const top = Math.floor(Math.min(end, limit) / count) * count;
      for (let start = top - count; start >= first; start -= count) {
        if (!areFree(start, count)) continue;
        for (let frame = start; frame < start + count; frame++) takeAt((places[frame] ?? 1) - 1);
        return toMfn(start);
      }
      return null;
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
