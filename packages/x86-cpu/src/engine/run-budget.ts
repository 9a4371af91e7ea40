/** Most instructions given to generated code at once: it is optimised only between calls. */
const LARGEST_SLICE = 1 << 20;

/** The instructions of one run: how many retire in all, and how many generated code may do before it comes back. */
export class RunBudget {
  #total = 0;
  /** Instructions of the run not yet given to generated code. */
  #held = 0;

  /** Begins a run. */
  start(total: number): void {
    this.#total = total;
    this.#held = total;
  }

  /** Takes the next slice, at most `limit`; `left` is what generated code has not used of the last one. */
  slice(left: number, limit: number): number {
    this.#held += left;
    const slice = Math.min(this.#held, limit, LARGEST_SLICE);
    this.#held -= slice;
    return slice;
  }

  /** Whether no instruction may retire any more, when generated code has `left` of its slice. */
  isSpent(left: number): boolean {
    return this.#held + left <= 0;
  }

  /** Instructions retired so far, when generated code has `left` of its slice. */
  retired(left: number): number {
    return this.#total - this.#held - left;
  }
}
