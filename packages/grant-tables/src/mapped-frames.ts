import type { MappedPages } from "@xenolith/domain-interface";
import { type MachineMemory, type Mfn, PAGE_SIZE, toMfn } from "@xenolith/machine-interface";

/** A handle on frames whose pages can be taken away from outside. */
export interface MappedFrames extends MappedPages {
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

/** A class, not closures: a host has several of these for every domain. */
class FramePages implements MappedFrames {
  readonly writable: boolean;
  readonly #memory: MappedFramesOptions["memory"];
  readonly #onRelease: () => void;
  #frames: readonly Mfn[];

  constructor({ memory, frames, writable, onRelease }: MappedFramesOptions) {
    this.writable = writable;
    this.#memory = memory;
    this.#onRelease = onRelease;
    this.#frames = frames;
  }

  get lengthBytes(): number {
    return this.#frames.length * PAGE_SIZE;
  }

  copyIn(at: number, bytes: Uint8Array): void {
    if (!this.writable) return;
    const memory = this.#memory;
    this.#forEachRun(at, bytes.length, (start, position, count) => {
      memory.bytes.set(bytes.subarray(position, position + count), start);
      for (let done = 0; done < count; ) {
        const offset = (start + done) % PAGE_SIZE;
        const length = Math.min(PAGE_SIZE - offset, count - done);
        memory.written(toMfn(Math.floor((start + done) / PAGE_SIZE)), offset, length);
        done += length;
      }
    });
  }

  copyOut(at: number, into: Uint8Array): void {
    let filled = 0;
    this.#forEachRun(at, into.length, (start, position, count) => {
      into.set(this.#memory.bytes.subarray(start, start + count), position);
      filled = position + count;
    });
    into.fill(0, filled);
  }

  readUint32(at: number): number {
    const address = this.#wordAddress(at);
    return address < 0 ? 0 : this.#memory.view.getUint32(address, true);
  }

  writeUint32(at: number, value: number): void {
    const address = this.#wordAddress(at);
    if (!this.writable || address < 0) return;
    this.#memory.view.setUint32(address, value, true);
    this.#memory.written(toMfn(Math.floor(address / PAGE_SIZE)), address % PAGE_SIZE, 4);
  }

  release(): void {
    if (this.#frames.length === 0) return;
    this.#frames = [];
    this.#onRelease();
  }

  revoke(): void {
    this.#frames = [];
  }

  /**
   * Calls `piece(address in memory, position in the caller's bytes, length)` for each part of a range, up to the end, that lies in
   * frames one behind the other.
   */
  #forEachRun(
    at: number,
    length: number,
    piece: (start: number, position: number, count: number) => void,
  ): void {
    const frames = this.#frames;
    const end = Math.min(at + length, this.lengthBytes);
    for (let place = at; place < end; ) {
      const first = Math.floor(place / PAGE_SIZE);
      const frame = frames[first];
      if (frame === undefined) return;
      let next = first + 1;
      while (next * PAGE_SIZE < end && frames[next] === frame + next - first) next++;
      const count = Math.min(next * PAGE_SIZE, end) - place;
      piece(frame * PAGE_SIZE + (place % PAGE_SIZE), place - at, count);
      place += count;
    }
  }

  /** Machine address of an aligned word, or -1. */
  #wordAddress(at: number): number {
    const frame = this.#frames[Math.floor(at / PAGE_SIZE)];
    return frame === undefined || at % 4 !== 0 ? -1 : frame * PAGE_SIZE + (at % PAGE_SIZE);
  }
}

/** Makes frames accessible as one contiguous range. Every store passes the frame watch. */
export const createMappedFrames = (options: MappedFramesOptions): MappedFrames => new FramePages(options);
