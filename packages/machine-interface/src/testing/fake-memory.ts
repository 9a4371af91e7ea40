import { type Mfn, PAGE_SIZE } from "../addresses.ts";
import { HostError } from "../errors.ts";
import type { FrameWatchFlag, FrameWriteListener, MachineMemory } from "../memory.ts";

/** Sizes of a fake memory. */
export interface FakeMemoryOptions {
  /** Frames of RAM. Default 64. */
  readonly frameCount?: number;
  /** Room for `reserve` in bytes. Default 1 MiB. */
  readonly reserveBytes?: number;
}

/** A small machine memory for tests of single packages. */
export const createFakeMemory = (options: FakeMemoryOptions = {}): MachineMemory => {
  const { frameCount = 64, reserveBytes = 1 << 20 } = options;
  const ramBytes = frameCount * PAGE_SIZE;
  const watchTableOffset = ramBytes;
  const pages = Math.ceil((ramBytes + frameCount + 64 + reserveBytes) / 65_536);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const bytes = new Uint8Array(memory.buffer);
  const writers: { flag: FrameWatchFlag; listener: FrameWriteListener }[] = [];
  const watchers: ((frame: Mfn) => void)[] = [];
  let next = Math.ceil((ramBytes + frameCount) / 64) * 64;

  const flagsOf = (frame: Mfn): number => {
    if (!(frame >= 0 && frame < frameCount))
      throw new HostError("frame-number", `no frame ${frame} in this memory`);
    return bytes[watchTableOffset + frame] ?? 0;
  };

  return {
    memory,
    ramBytes,
    frameCount,
    bytes,
    view: new DataView(memory.buffer),
    words: new Uint32Array(memory.buffer),
    watchTableOffset,
    reserve(sizeBytes: number): number {
      const start = next;
      next += Math.ceil(sizeBytes / 64) * 64;
      if (next > bytes.length)
        throw new HostError("reserve-exhausted", `${sizeBytes} bytes do not fit in the fake memory`);
      return start;
    },
    written(frame: Mfn, offset: number, lengthBytes: number): void {
      const flags = flagsOf(frame);
      for (const { flag, listener } of writers)
        if ((flags & flag) !== 0) listener(frame, offset, lengthBytes);
    },
    watch(frame: Mfn, flags: number): void {
      const before = flagsOf(frame);
      if ((flags & ~before) === 0) return;
      for (const listener of watchers) listener(frame);
      bytes[watchTableOffset + frame] = before | flags;
    },
    unwatch(frame: Mfn, flags: number): void {
      bytes[watchTableOffset + frame] = flagsOf(frame) & ~flags;
    },
    onWrite(flag: FrameWatchFlag, listener: FrameWriteListener): void {
      writers.push({ flag, listener });
    },
    onWatch(listener: (frame: Mfn) => void): void {
      watchers.push(listener);
    },
  };
};
