/**
 * Most instructions given to generated code at once. V8 puts optimised code in place only between calls: once something has been
 * translated, slices are small, and what is still executed after some of them is worth larger ones, which cost less.
 */
const FIRST_SLICE = 1 << 20;
const LARGEST_SLICE = 1 << 24;

/** The instructions of one run: how many retire in all, and how many generated code may do before it comes back. */
export class RunBudget {
  #total = 0;
  /** Instructions of the run not yet given to generated code. */
  #held = 0;
  #largest = FIRST_SLICE;
  /** Translations made when slices began to grow. */
  #translations = -1;

  /** Begins a run. */
  start(total: number): void {
    this.#total = total;
    this.#held = total;
  }

  /**
   * Takes the next slice, at most `limit`; `left` is what generated code has not used of the last one, `translations` how many there
   * have been so far.
   */
  slice(left: number, limit: number, translations: number): number {
    if (translations !== this.#translations) {
      this.#translations = translations;
      this.#largest = FIRST_SLICE;
    }
    this.#held += left;
    const slice = Math.min(this.#held, limit, this.#largest);
    this.#largest = Math.min(2 * this.#largest, LARGEST_SLICE);
    this.#held -= slice;
    return slice;
  }

  /** Whether this slice is the run's last one. */
  get isLastSlice(): boolean {
    return this.#held === 0;
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
