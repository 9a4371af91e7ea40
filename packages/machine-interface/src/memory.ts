import type { Mfn } from "./addresses.ts";

/**
 * Reasons why stores to a frame must be seen, one bit each, kept in one byte per frame.
 * - `code`: somebody keeps records or translations of instructions in this frame.
 * - `dirtyLog`: the first store since the log was cleared must be noted.
 * - `hook`: every store is of interest (emulated page-table writes, tests).
 */
export const FRAME_WATCH = { code: 1, dirtyLog: 2, hook: 4 } as const;

/** One bit of {@link FRAME_WATCH}. */
export type FrameWatchFlag = (typeof FRAME_WATCH)[keyof typeof FRAME_WATCH];

/** Told of a store to a watched frame, after the bytes have changed. Must not throw. */
export type FrameWriteListener = (frame: Mfn, offset: number, lengthBytes: number) => void;

/**
 * The one memory of a machine: RAM first (machine address = offset), then areas reserved by engines. It is allocated at
 * its full size and never grows, so views stay valid for its whole life.
 */
export interface MachineMemory {
  /** The WebAssembly memory itself, for modules that import it. */
  readonly memory: WebAssembly.Memory;
  /** Bytes of RAM, a multiple of 4096. Reserved areas lie above. */
  readonly ramBytes: number;
  /** Number of machine frames: `ramBytes / 4096`. Frame numbers at or above it do not exist. */
  readonly frameCount: number;
  /** All of memory, bytewise. Whoever stores through it calls {@link written} afterwards. */
  readonly bytes: Uint8Array;
  /** All of memory as little-endian values of any alignment. */
  readonly view: DataView;
  /** All of memory as aligned 32-bit words. */
  readonly words: Uint32Array;
  /** Offset of the watch byte of frame 0; frame n's byte lies at `watchTableOffset + n`. For generated code. */
  readonly watchTableOffset: number;
  /**
   * Takes an area above RAM for an engine's private state, aligned to 64 bytes and zeroed.
   * @throws HostError when the reserve is used up: construction only.
   */
  reserve(sizeBytes: number): number;
  /**
   * Announces a store that did not go through a translator's write tag (back ends, grant copy, bounce frames). Costs one
   * byte read when the frame is not watched. The range stays within one frame.
   */
  written(frame: Mfn, offset: number, lengthBytes: number): void;
  /** Sets watch flags of a frame. When a flag is new, every {@link onWatch} listener withdraws cached write permission first. */
  watch(frame: Mfn, flags: number): void;
  /** Clears watch flags of a frame. Write permission comes back at the next refill. */
  unwatch(frame: Mfn, flags: number): void;
  /** Adds a listener for stores to frames that carry `flag`. Listeners are called in the order they were added. */
  onWrite(flag: FrameWatchFlag, listener: FrameWriteListener): void;
  /** Adds a listener that is told when a frame becomes watched, so that a translator can withdraw its write entries. */
  onWatch(listener: (frame: Mfn) => void): void;
}
