import type { MappedPages } from "@xenolith/domain-interface";
import { type MachineMemory, type Mfn, PAGE_SIZE } from "@xenolith/machine-interface";

/** A handle on frames whose pages can be taken away from outside. */
export interface MappedFrames {
  readonly pages: MappedPages;
  /** Takes the pages away without calling `onRelease`: the handle is stale from now on. */
  revoke(): void;
}

/** What a handle on frames is made from. The frames stay held until it is released or revoked. */
export interface MappedFramesOptions {
  readonly memory: Pick<MachineMemory, "bytes" | "view" | "written">;
  /** Frames behind the handle, in order. */
  readonly frames: readonly Mfn[];
  readonly writable: boolean;
  /** Gives the frames back; called once, on the first release. */
  readonly onRelease: () => void;
}

/** Makes frames accessible as one contiguous range. Every store passes the frame watch. */
export const createMappedFrames = (options: MappedFramesOptions): MappedFrames => {
  const { memory, writable, onRelease } = options;
  let frames = options.frames;

  /** Calls `piece(frame, offset in it, position in the caller's bytes, length)` for each page of a range, up to the end. */
  const forEachPage = (
    at: number,
    length: number,
    piece: (frame: Mfn, offset: number, position: number, count: number) => void,
  ): void => {
    const end = Math.min(at + length, frames.length * PAGE_SIZE);
    for (let place = at; place < end; ) {
      const frame = frames[Math.floor(place / PAGE_SIZE)];
      if (frame === undefined) return;
      const offset = place % PAGE_SIZE;
      const count = Math.min(PAGE_SIZE - offset, end - place);
      piece(frame, offset, place - at, count);
      place += count;
    }
  };

  /** Machine address of an aligned word, or -1. */
  const wordAddress = (at: number): number => {
    const frame = frames[Math.floor(at / PAGE_SIZE)];
    return frame === undefined || at % 4 !== 0 ? -1 : frame * PAGE_SIZE + (at % PAGE_SIZE);
  };

  const pages: MappedPages = {
    get lengthBytes() {
      return frames.length * PAGE_SIZE;
    },
    writable,
    copyIn: (at, bytes) => {
      if (!writable) return;
      forEachPage(at, bytes.length, (frame, offset, position, count) => {
        memory.bytes.set(bytes.subarray(position, position + count), frame * PAGE_SIZE + offset);
        memory.written(frame, offset, count);
      });
    },
    copyOut: (at, into) => {
      let filled = 0;
      forEachPage(at, into.length, (frame, offset, position, count) => {
        const start = frame * PAGE_SIZE + offset;
        into.set(memory.bytes.subarray(start, start + count), position);
        filled = position + count;
      });
      into.fill(0, filled);
    },
    readUint32: (at) => {
      const address = wordAddress(at);
      return address < 0 ? 0 : memory.view.getUint32(address, true);
    },
    writeUint32: (at, value) => {
      const address = wordAddress(at);
      if (!writable || address < 0) return;
      memory.view.setUint32(address, value, true);
      memory.written(Math.floor(address / PAGE_SIZE) as Mfn, address % PAGE_SIZE, 4);
    },
    release: () => {
      if (frames.length === 0) return;
      frames = [];
      onRelease();
    },
  };

  return {
    pages,
    revoke: () => {
      frames = [];
    },
  };
};
