import {
  type FrameWatchFlag,
  type FrameWriteListener,
  HostError,
  type MachineMemory,
  type Mfn,
  PAGE_SIZE,
} from "@xenolith/machine-interface";

/** Alignment of reserved areas in bytes: a cache line. */
const RESERVE_ALIGNMENT = 64;

/** Bytes of one WebAssembly page. */
const WASM_PAGE_SIZE = 65_536;

/** Most a WebAssembly memory can be declared with, less one page so that an end offset still fits in 32 bits. */
const LARGEST_MEMORY = 65_535 * WASM_PAGE_SIZE;

/** Sizes of a machine's memory. */
export interface MachineMemoryOptions {
  /** Bytes of RAM, a multiple of 4096. RAM starts zeroed. */
  readonly ramBytes: number;
  /** Bytes above RAM for `reserve`, for engine state, TLBs and decoded code. The watch table is not counted in it. */
  readonly reserveBytes: number;
}

/** A subscription to stores into frames that carry one watch flag. */
interface WriteSubscription {
  readonly flag: FrameWatchFlag;
  readonly listener: FrameWriteListener;
}

const alignUp = (value: number, alignment: number): number => Math.ceil(value / alignment) * alignment;

const checkSizes = (ramBytes: number, reserveBytes: number): void => {
  if (!Number.isInteger(ramBytes) || ramBytes <= 0 || ramBytes % PAGE_SIZE !== 0) {
    throw new HostError(
      "memory-size",
      `RAM must be a positive multiple of ${PAGE_SIZE} bytes, got ${ramBytes}`,
    );
  }
  if (!Number.isInteger(reserveBytes) || reserveBytes < 0) {
    throw new HostError("memory-size", `the reserve must be a whole number of bytes, got ${reserveBytes}`);
  }
};

/**
 * Allocates the memory of a machine at its full size: RAM, then one watch byte per frame, then the reserve. The host
 * commits pages as they are touched, so a large size costs address space only.
 * @throws HostError `memory-size` when a size is not allowed, or all of it does not fit below 4 GiB.
 */
export const createMachineMemory = (options: MachineMemoryOptions): MachineMemory => {
  const { ramBytes, reserveBytes } = options;
  checkSizes(ramBytes, reserveBytes);
  const frameCount = ramBytes / PAGE_SIZE;
  const watchTableOffset = ramBytes;
  const reserveStart = alignUp(watchTableOffset + frameCount, RESERVE_ALIGNMENT);
  const totalBytes = alignUp(reserveStart + reserveBytes, WASM_PAGE_SIZE);
  if (totalBytes > LARGEST_MEMORY) {
    throw new HostError(
      "memory-size",
      `RAM and reserve need ${totalBytes} bytes, the limit is ${LARGEST_MEMORY}`,
    );
  }
  const pages = totalBytes / WASM_PAGE_SIZE;
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const bytes = new Uint8Array(memory.buffer);
  const writeSubscriptions: WriteSubscription[] = [];
  const watchListeners: ((frame: Mfn) => void)[] = [];
  let reserveNext = reserveStart;

  const flagsOf = (frame: Mfn): number => {
    if (!(frame >= 0 && frame < frameCount))
      throw new HostError("frame-number", `no frame ${frame} in this machine`);
    return bytes[watchTableOffset + frame] ?? 0;
  };

  const announce = (flags: number, frame: Mfn, offset: number, lengthBytes: number): void => {
    if (frame >= frameCount) return;
    for (const { flag, listener } of writeSubscriptions) {
      if ((flags & flag) !== 0) listener(frame, offset, lengthBytes);
    }
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
      const start = reserveNext;
      const next = alignUp(start + sizeBytes, RESERVE_ALIGNMENT);
      if (!(sizeBytes >= 0) || next > totalBytes) {
        throw new HostError(
          "reserve-exhausted",
          `${sizeBytes} bytes asked for, ${totalBytes - start} are left above RAM`,
        );
      }
      reserveNext = next;
      return start;
    },
    written(frame: Mfn, offset: number, lengthBytes: number): void {
      const flags = bytes[watchTableOffset + frame];
      if (flags !== 0 && flags !== undefined) announce(flags, frame, offset, lengthBytes);
    },
    watch(frame: Mfn, flags: number): void {
      const before = flagsOf(frame);
      if ((flags & ~before) === 0) return;
      for (const listener of watchListeners) listener(frame);
      bytes[watchTableOffset + frame] = before | flags;
    },
    unwatch(frame: Mfn, flags: number): void {
      bytes[watchTableOffset + frame] = flagsOf(frame) & ~flags;
    },
    onWrite(flag: FrameWatchFlag, listener: FrameWriteListener): void {
      writeSubscriptions.push({ flag, listener });
    },
    onWatch(listener: (frame: Mfn) => void): void {
      watchListeners.push(listener);
    },
  };
};
