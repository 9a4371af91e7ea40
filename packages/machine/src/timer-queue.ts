import { HostError, type Nanoseconds, type Timer, type TimerQueue } from "@xenolith/machine-interface";

/** Index of an entry that is not in the heap: fired or cancelled. */
const NOT_QUEUED = -1;

interface Entry {
  readonly deadlineNs: Nanoseconds;
  /** Order of arming: decides between equal deadlines. */
  readonly sequence: number;
  readonly handler: (now: Nanoseconds) => void;
  index: number;
}

const isBefore = (a: Entry, b: Entry): boolean =>
  a.deadlineNs < b.deadlineNs || (a.deadlineNs === b.deadlineNs && a.sequence < b.sequence);

/**
 * Entries as a binary heap that knows where each of them is, so that a cancelled timer leaves at once: a guest that arms
 * and cancels for ever must not grow the host's memory.
 */
class Heap {
  readonly #entries: Entry[] = [];

  get first(): Entry | undefined {
    return this.#entries[0];
  }

  push(entry: Entry): void {
    this.#entries.push(entry);
    this.#rise(this.#entries.length - 1, entry);
  }

  remove(entry: Entry): void {
    const hole = entry.index;
    const last = this.#entries.pop();
    entry.index = NOT_QUEUED;
    if (last === undefined || last === entry) return;
    const parent = this.#entries[(hole - 1) >> 1];
    if (hole > 0 && parent !== undefined && isBefore(last, parent)) this.#rise(hole, last);
    else this.#sink(hole, last);
  }

  #place(index: number, entry: Entry): void {
    this.#entries[index] = entry;
    entry.index = index;
  }

  #rise(from: number, entry: Entry): void {
    let index = from;
    while (index > 0) {
      const parent = this.#entries[(index - 1) >> 1];
      if (parent === undefined || !isBefore(entry, parent)) break;
      this.#place(index, parent);
      index = (index - 1) >> 1;
    }
    this.#place(index, entry);
  }

  #sink(from: number, entry: Entry): void {
    let index = from;
    for (;;) {
      const left = this.#entries[2 * index + 1];
      const right = this.#entries[2 * index + 2];
      if (left === undefined) break;
      const child = right !== undefined && isBefore(right, left) ? right : left;
      if (!isBefore(child, entry)) break;
      const childIndex = child === left ? 2 * index + 1 : 2 * index + 2;
      this.#place(index, child);
      index = childIndex;
    }
    this.#place(index, entry);
  }
}

/** An empty queue of deadlines. Arming, cancelling and firing cost O(log n). */
export const createTimerQueue = (): TimerQueue => {
  const heap = new Heap();
  let sequence = 0;
  return {
    at(deadlineNs: Nanoseconds, handler: (now: Nanoseconds) => void): Timer {
      if (Number.isNaN(deadlineNs))
        throw new HostError("timer-deadline", "a deadline must be a number of nanoseconds");
      const entry: Entry = { deadlineNs, sequence: sequence++, handler, index: NOT_QUEUED };
      heap.push(entry);
      return {
        deadlineNs,
        cancel(): void {
          if (entry.index !== NOT_QUEUED) heap.remove(entry);
        },
      };
    },
    next: (): Nanoseconds | null => heap.first?.deadlineNs ?? null,
    runDue(now: Nanoseconds): number {
      let fired = 0;
      for (let entry = heap.first; entry !== undefined && entry.deadlineNs <= now; entry = heap.first) {
        heap.remove(entry);
        entry.handler(now);
        fired++;
      }
      return fired;
    },
  };
};
