import type { MachineMemory } from "@xenolith/machine-interface";

const FRAME_BYTES = 8;
const WORD = 0x1_0000_0000;

/**
 * Says, where generated code can read it, whether the code of a frame may have changed: one i64 for each frame, which becomes another one
 * that was never there before with every store that was announced for it. 0: nothing is known of the frame, and stores to it
 * are not announced.
 */
export class CodeStamps {
  /** Offset in memory of the stamp of frame 0. */
  readonly offset: number;
  readonly #words: Uint32Array;
  #last = 0;

  constructor(machine: MachineMemory) {
    this.offset = machine.reserve(FRAME_BYTES * machine.frameCount);
    this.#words = machine.words;
  }

  /** Gives a frame another stamp. */
  renew(frame: number): void {
    this.#last += 1;
    this.#set(frame, this.#last);
  }

  /** Takes the stamp of a frame away: there is no code in it any more. */
  clear(frame: number): void {
    this.#set(frame, 0);
  }

  #set(frame: number, stamp: number): void {
    const word = this.offset / 4 + 2 * frame;
    this.#words[word] = stamp % WORD;
    this.#words[word + 1] = Math.floor(stamp / WORD);
  }
}
