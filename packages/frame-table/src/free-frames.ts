import { type EntropySource, type Mfn, toMfn } from "@xenolith/machine-interface";

/**
 * Frames of a block: 256 KiB. Where two frames do not follow one another the real processor fetches nothing ahead, and a copy ends:
 * guests that copy took up to a third longer with frames in no order at all, and a tenth longer with a break behind each frame.
 */
const BLOCK_FRAMES = 64;

/**
 * The frames that nobody has. They are given out block by block from the lowest on, so that the process behind the machine touches
 * little memory that it does not use; a block from somewhere in its middle to its end, and then from its beginning. So memory that is
 * given out one frame after the other has breaks, at places that a guest cannot know, never more than {@link BLOCK_FRAMES} frames
 * apart.
 */
export interface FreeFrames {
  /** How many there are. */
  readonly count: number;
  /** Takes a frame. @returns null when there is none. Cost: at worst a look at the frames of a block. */
  take(): Mfn | null;
  /** Takes the frames that as many calls of {@link take} would, in this order, or all there are: at a start of day it is every frame. */
  takeSeveral(wanted: number): Mfn[];
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
  const blocks = Math.ceil(end / BLOCK_FRAMES);
  /** 1: the frame is free. */
  const free = new Uint8Array(blocks * BLOCK_FRAMES);
  /** Free frames of each block. */
  const counts = new Uint8Array(blocks);
  let total = 0;
  /** No block below this one has a free frame. */
  let lowest = 0;
  /** The block that frames come from, and the place in it to look at next. */
  let block = -1;
  let next = 0;

  const countOf = (index: number): number => counts[index] ?? 0;
  const isFree = (frame: number): boolean => free[frame] === 1;

  const add = (frame: number): void => {
    const index = Math.floor(frame / BLOCK_FRAMES);
    free[frame] = 1;
    counts[index] = countOf(index) + 1;
    total++;
    lowest = Math.min(lowest, index);
  };

  const remove = (frame: number): void => {
    const index = Math.floor(frame / BLOCK_FRAMES);
    free[frame] = 0;
    counts[index] = countOf(index) - 1;
    total--;
  };

  /** Goes on with the lowest block: not from its first frame on, which could follow on the last of the one before. */
  const chooseBlock = (): void => {
    while (countOf(lowest) === 0) lowest++;
    if (block === lowest) return;
    block = lowest;
    next = 1 + entropy.below(BLOCK_FRAMES - 1);
  };

  const areFree = (start: number, count: number): boolean => {
    for (let frame = start; frame < start + count; frame++) if (!isFree(frame)) return false;
    return true;
  };

  /** The place of the next free frame of the block. */
  const nextFree = (): number => {
    while (!isFree(block * BLOCK_FRAMES + next)) next = (next + 1) % BLOCK_FRAMES;
    return block * BLOCK_FRAMES + next;
  };

  if (end > first) {
    free.fill(1, first, end);
    total = end - first;
    lowest = Math.floor(first / BLOCK_FRAMES);
    counts.fill(BLOCK_FRAMES, lowest);
    counts[lowest] = BLOCK_FRAMES - (first % BLOCK_FRAMES);
    counts[blocks - 1] = countOf(blocks - 1) - (blocks * BLOCK_FRAMES - end);
  }

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
      chooseBlock();
      const frame = nextFree();
      remove(frame);
      changed(total);
      return toMfn(frame);
    },
    takeSeveral(wanted) {
      const taken: Mfn[] = [];
      const enough = Math.min(wanted, total);
      while (taken.length < enough) {
        chooseBlock();
        const count = Math.min(enough - taken.length, countOf(block));
        for (let left = count; left > 0; left--) {
          const frame = nextFree();
          free[frame] = 0;
          taken.push(toMfn(frame));
        }
        counts[block] = countOf(block) - count;
        total -= count;
      }
      changed(total);
      return taken;
    },
    takeExtent(order, limit) {
      const count = 2 ** order;
      if (count > total) return null;
      const top = Math.floor(Math.min(end, limit) / count) * count;
      for (let start = top - count; start >= first; start -= count) {
        if (!areFree(start, count)) continue;
        for (let frame = start; frame < start + count; frame++) remove(frame);
        changed(total);
        return toMfn(start);
      }
      return null;
    },
    list() {
      const found: Mfn[] = [];
      for (let frame = first; frame < end; frame++) if (isFree(frame)) found.push(toMfn(frame));
      return found;
    },
  };
};
