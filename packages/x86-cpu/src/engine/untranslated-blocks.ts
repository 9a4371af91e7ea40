import type { Block } from "./block.ts";
import type { RecordArena } from "./record-arena.ts";

const INITIAL_COUNT = 1024;

/** Blocks that are not translated, to be looked at in turn. Their records stand apart, as most looks need no more of a block. */
export class UntranslatedBlocks {
  readonly #arena: RecordArena;
  #blocks: Block[] = [];
  #records = new Uint32Array(INITIAL_COUNT);
  /** The one to be looked at next. */
  #next = 0;

  constructor(arena: RecordArena) {
    this.#arena = arena;
  }

  add(block: Block): void {
    const count = this.#blocks.push(block);
    if (count > this.#records.length) {
      const larger = new Uint32Array(2 * this.#records.length);
      larger.set(this.#records);
      this.#records = larger;
    }
    this.#records[count - 1] = block.record;
  }

  clear(): void {
    this.#blocks = [];
    this.#next = 0;
  }

  #remove(index: number): void {
    const last = this.#blocks.pop();
    if (last === undefined || index === this.#blocks.length) return;
    this.#blocks[index] = last;
    this.#records[index] = last.record;
  }

  /** Looks at so many and visits those whose counters are outside the bounds. One for which `stays` says no is removed. */
  look(most: number, above: number, below: number, stays: (block: Block, counter: number) => boolean): void {
    const arena = this.#arena;
    for (let looks = Math.min(this.#blocks.length, most); looks > 0; looks--) {
      if (this.#next >= this.#blocks.length) this.#next = 0;
      const index = this.#next;
      const counter = arena.counter(this.#records[index] ?? 0);
      const block = counter > above && counter < below ? undefined : this.#blocks[index];
      if (block === undefined || stays(block, counter)) this.#next += 1;
      else this.#remove(index);
    }
  }
}
