import type { MappedPages } from "@xenolith/domain-interface";
import { frameAddress, type MachineMemory, type Mfn, PAGE_SIZE } from "@xenolith/machine-interface";

/**
 * Access to a list of frames as one range of bytes. The caller holds the frames; `onRelease` is called once, when the handle
 * ends.
 */
export const createMappedFrames = (
  memory: MachineMemory,
  frames: readonly Mfn[],
  writable: boolean,
  onRelease: () => void,
): MappedPages => {
  let lengthBytes = frames.length * PAGE_SIZE;

  /** Calls `piece` for each part of a range that lies in one frame. What lies beyond the end is left out. */
  const eachPiece = (
    at: number,
    length: number,
    piece: (frame: Mfn, offset: number, start: number, count: number) => void,
  ): void => {
    const end = Math.min(at + length, lengthBytes);
    for (let position = at; position >= 0 && position < end; ) {
      const frame = frames[Math.floor(position / PAGE_SIZE)];
      const offset = position % PAGE_SIZE;
      const count = Math.min(PAGE_SIZE - offset, end - position);
      if (frame !== undefined) piece(frame, offset, position - at, count);
      position += count;
    }
  };

  const wordAddress = (at: number): number => {
    const frame = at >= 0 && at + 4 <= lengthBytes ? frames[Math.floor(at / PAGE_SIZE)] : undefined;
    return frame === undefined ? -1 : frameAddress(frame) + (at & (PAGE_SIZE - 4));
  };

  return {
    get lengthBytes(): number {
      return lengthBytes;
    },
    writable,
    copyIn(at, bytes) {
      if (!writable) return;
      eachPiece(at, bytes.length, (frame, offset, start, count) => {
        memory.bytes.set(bytes.subarray(start, start + count), frameAddress(frame) + offset);
        memory.written(frame, offset, count);
      });
    },
    copyOut(at, into) {
      into.fill(0);
      eachPiece(at, into.length, (frame, offset, start, count) => {
        const from = frameAddress(frame) + offset;
        into.set(memory.bytes.subarray(from, from + count), start);
      });
    },
    readUint32(at) {
      const address = wordAddress(at);
      return address < 0 ? 0 : memory.view.getUint32(address, true);
    },
    writeUint32(at, value) {
      const address = wordAddress(at);
      const frame = frames[Math.floor(at / PAGE_SIZE)];
      if (!writable || address < 0 || frame === undefined) return;
      memory.view.setUint32(address, value, true);
      memory.written(frame, address % PAGE_SIZE, 4);
    },
    release() {
      if (lengthBytes === 0) return;
      lengthBytes = 0;
      onRelease();
    },
  };
};
