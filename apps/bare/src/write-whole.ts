import { writeSync } from "node:fs";

/** Pause between two attempts to write to a full pipe. */
const PAUSE_MS = 1;

const pause = new Int32Array(new SharedArrayBuffer(4));

const isFull = (error: unknown): boolean =>
  error instanceof Error && "code" in error && error.code === "EAGAIN";

/** Writes all bytes to a file descriptor before it returns, also where the other end has made the pipe non-blocking. */
export const writeWhole = (descriptor: number, bytes: Uint8Array): void => {
  let written = 0;
  while (written < bytes.length) {
    try {
      written += writeSync(descriptor, bytes, written);
    } catch (error) {
      if (!isFull(error)) throw error;
      Atomics.wait(pause, 0, 0, PAUSE_MS);
    }
  }
};
