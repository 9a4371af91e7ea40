/**
 * Most instructions given to generated code at once. It is optimised only between calls: a run begins with small slices, and what
 * it still executes after some of them is worth larger ones, which cost less.
 */
const FIRST_SLICE = 1 << 20;
const LARGEST_SLICE = 1 << 23;

/** The instructions of one run: how many retire in all, and how many generated code may do before it comes back. */
export class RunBudget {
  #total = 0;
  /** Instructions of the run not yet given to generated code. */
  #held = 0;
  #largest = FIRST_SLICE;

  /** Begins a run. */
  start(total: number): void {
    this.#total = total;
    this.#held = total;
    this.#largest = FIRST_SLICE;
  }

  /** Takes the next slice, at most `limit`; `left` is what generated code has not used of the last one. */
  slice(left: number, limit: number): number {
    this.#held += left;
    const slice = Math.min(this.#held, limit, this.#largest);
    this.#largest = Math.min(2 * this.#largest, LARGEST_SLICE);
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
