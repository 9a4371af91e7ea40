import type { MachineMemory } from "@xenolith/machine-interface";

/** Bytes that one bit stands for. */
export const CHUNK_SHIFT = 6;
/** Bytes of the table for one frame: a bit for each of its 64 chunks. */
const FRAME_BYTES = 8;

/**
 * Says, where generated code can read it, from which chunks of a frame something may have been decoded: a store elsewhere in
 * a frame with code need not be announced. One i64 for each frame, bit n for chunk n. May say yes for code that is gone.
 */
export class DecodedChunks {
  /** Offset in memory of the word of frame 0. */
  readonly offset: number;
  readonly #words: Uint32Array;

  constructor(machine: MachineMemory) {
    this.offset = machine.reserve(FRAME_BYTES * machine.frameCount);
    this.#words = machine.words;
  }

  /** Notes that bytes of a frame, up to but not including `end`, were decoded. */
  mark(frame: number, start: number, end: number): void {
    for (let chunk = start >> CHUNK_SHIFT; chunk <= (end - 1) >> CHUNK_SHIFT; chunk++) {
      const word = this.offset / 4 + 2 * frame + (chunk >> 5);
      this.#words[word] = (this.#words[word] ?? 0) | (1 << (chunk & 31));
    }
  }

  /** Forgets a frame: there is no code in it any more. */
  clear(frame: number): void {
    const word = this.offset / 4 + 2 * frame;
    this.#words.fill(0, word, word + 2);
  }
}
