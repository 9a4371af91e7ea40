/** Most often that the patience with a frame that keeps changing is doubled. */
const MOST_DOUBLINGS = 10;

/**
 * Frames whose translations were lost to stores. The more often that happened, the longer their code waits for the next one.
 * However many translations a frame loses before it is translated again, that is one loss: a page that is filled anew takes
 * all of them away.
 */
export class RewrittenFrames {
  readonly #losses = new Map<number, number>();
  /** Frames that were translated since their last loss. */
  readonly #translated = new Set<number>();

  /** Notes that code of a frame was translated. */
  translated(frame: number): void {
    this.#translated.add(frame);
  }

  /** Notes that a store has taken a translation from a frame. */
  rewritten(frame: number): void {
    if (this.#translated.delete(frame)) this.#losses.set(frame, (this.#losses.get(frame) ?? 0) + 1);
  }

  /** How many times as long as others the code of a frame waits. */
  patienceWith(frame: number): number {
    const losses = this.#losses.get(frame);
    return losses === undefined ? 1 : 1 << Math.min(losses, MOST_DOUBLINGS);
  }

  /** Forgets all. */
  clear(): void {
    this.#losses.clear();
    this.#translated.clear();
  }
}
