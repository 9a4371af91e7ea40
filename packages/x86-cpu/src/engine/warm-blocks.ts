import type { Block } from "./block.ts";

/** Blocks that are warm and not yet translated, by their mode: those that are translated along with a hot one. */
export class WarmBlocks {
  readonly #byMode = new Map<number, Set<Block>>();

  /** Adds a block, as the last one unless it is there. */
  add(block: Block): void {
    const known = this.#byMode.get(block.mode);
    if (known === undefined) this.#byMode.set(block.mode, new Set([block]));
    else known.add(block);
  }

  remove(block: Block): void {
    this.#byMode.get(block.mode)?.delete(block);
  }

  clear(): void {
    this.#byMode.clear();
  }

  /** Takes out the blocks of a mode one by one, in the order in which they came, as long as they are wanted. */
  take(mode: number, isWanted: () => boolean, visit: (block: Block) => void): void {
    const known = this.#byMode.get(mode) ?? [];
    for (const block of known) {
      if (!isWanted()) break;
      this.remove(block);
      visit(block);
    }
  }
}
