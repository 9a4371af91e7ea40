import type { Hook } from "./types.ts";

/** Linear addresses at which runs end. Several breakpoints may lie at one. */
export class Breakpoints {
  readonly #counts = new Map<number, number>();
  readonly #changed: () => void;

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  has(address: number): boolean {
    return this.#counts.has(address);
  }

  add(address: number): Hook {
    this.#counts.set(address, (this.#counts.get(address) ?? 0) + 1);
    this.#changed();
    let isThere = true;
    return {
      remove: () => {
        if (!isThere) return;
        isThere = false;
        const left = (this.#counts.get(address) ?? 1) - 1;
        if (left === 0) this.#counts.delete(address);
        else this.#counts.set(address, left);
        this.#changed();
      },
    };
  }
}
