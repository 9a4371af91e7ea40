import type { RingPage } from "../src/index.ts";

/** Memory of two ends in one process, open to inspection. */
export interface SharedMemory extends RingPage {
  readonly bytes: Uint8Array;
}

/** Zeroed shared memory. */
export const makeSharedMemory = (sizeBytes: number): SharedMemory => {
  const bytes = new Uint8Array(sizeBytes);
  const view = new DataView(bytes.buffer);
  return {
    bytes,
    copyIn: (at, from) => bytes.set(from, at),
    copyOut: (at, into) => into.set(bytes.subarray(at, at + into.length)),
    readUint32: (at) => view.getUint32(at, true),
    writeUint32: (at, value) => view.setUint32(at, value, true),
  };
};
