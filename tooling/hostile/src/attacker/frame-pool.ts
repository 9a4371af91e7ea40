import { FRAME_TYPE, type FrameDescription, type FrameTable, type TableLevel } from "@xenolith/frame-table";
import { type Mfn, toMfn } from "@xenolith/machine-interface";
import type { DomId } from "@xenolith/xen-abi";
import type { Draw } from "../draw.ts";

/** Draws that a search makes before it gives up. */
const ATTEMPTS = 48;

/** The frames of an attacker that the attack is about, and what the frame table says of them now. */
export interface FramePool {
  /** All of them. */
  readonly frames: readonly Mfn[];
  /** Looks again which frames the domain has: after its balloon has moved. */
  refresh(): void;
  /** A random one that fits, or null when none was found. */
  find(fits: (frame: FrameDescription) => boolean): Mfn | null;
  /** One that nothing refers to but its owner. */
  idle(): Mfn | null;
  /** Several different ones of that kind, or null. */
  idles(count: number): Mfn[] | null;
  /** One that can be written: idle, or mapped writable. */
  writable(): Mfn | null;
  /** A validated table of a level. */
  table(level: TableLevel): Mfn | null;
  /** A validated table of any level. */
  anyTable(): Mfn | null;
  pinned(): Mfn | null;
  /** A frame that belongs to another domain, to nobody or to the monitor. */
  foreign(): Mfn;
  /** A number behind the end of memory. */
  absent(): Mfn;
}

const isIdle = ({ count, typeCount, monitor }: FrameDescription): boolean =>
  count === 1 && typeCount === 0 && !monitor;
const isTable = ({ type, typeCount }: FrameDescription): boolean =>
  typeCount > 0 && type >= FRAME_TYPE.level1 && type <= FRAME_TYPE.level4;

/** What a pool is made from. */
export interface FramePoolParts {
  readonly table: FrameTable;
  readonly domain: DomId;
  /** Frames that are left alone: the image, and what the builder made. */
  readonly reserved: ReadonlySet<Mfn>;
  readonly draw: Draw;
}

/** Makes the pool of an attacker. */
export const createFramePool = ({ table, domain, reserved, draw }: FramePoolParts): FramePool => {
  let frames: Mfn[] = [];
  const refresh = (): void => {
    frames = table.framesOf(domain).filter((frame) => !reserved.has(frame));
  };
  refresh();

  const find: FramePool["find"] = (fits) => {
    for (let attempt = 0; attempt < ATTEMPTS && frames.length > 0; attempt++) {
      const frame = draw.pick(frames);
      const found = table.describe(frame);
      if (found !== null && found.owner === domain && fits(found)) return frame;
    }
    return null;
  };
  const idle = (): Mfn | null => find(isIdle);
  const idles = (count: number): Mfn[] | null => {
    const chosen = new Set<Mfn>();
    for (let attempt = 0; attempt < 4 * count && chosen.size < count; attempt++) {
      const frame = idle();
      if (frame !== null) chosen.add(frame);
    }
    return chosen.size === count ? [...chosen] : null;
  };

  return {
    get frames() {
      return frames;
    },
    refresh,
    find,
    idle,
    idles,
    writable: () => find(({ type, typeCount }) => typeCount === 0 || type === FRAME_TYPE.writable),
    table: (level) => find((frame) => isTable(frame) && frame.type === level && frame.validated),
    anyTable: () => find(isTable),
    pinned: () => find(({ pinned }) => pinned),
    foreign() {
      for (;;) {
        const frame = toMfn(draw.below(table.frameCount));
        if (table.ownerOf(frame) !== domain) return frame;
      }
    },
    absent: () => toMfn(table.frameCount + draw.below(1 << 20)),
  };
};
