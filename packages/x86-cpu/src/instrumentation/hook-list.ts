import type { AddressRange, Hook } from "./types.ts";

interface Entry<Handler> {
  readonly range: AddressRange;
  readonly handler: Handler;
}

/** Handlers of one kind, by range. Handlers may be added and removed while they are called. */
export class HookList<Handler> {
  #entries: readonly Entry<Handler>[] = [];
  readonly #changed: () => void;

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  get isEmpty(): boolean {
    return this.#entries.length === 0;
  }

  add(range: AddressRange, handler: Handler): Hook {
    const entry = { range, handler };
    this.#entries = [...this.#entries, entry];
    this.#changed();
    return {
      remove: () => {
        if (!this.#entries.includes(entry)) return;
        this.#entries = this.#entries.filter((other) => other !== entry);
        this.#changed();
      },
    };
  }

  /** Whether a handler is interested in one of the bytes from `start` up to `end`. */
  touches(start: number, end: number): boolean {
    for (const { range } of this.#entries) if (start < range.end && end > range.start) return true;
    return false;
  }

  /** Handlers interested in one of the bytes from `start` up to `end`, oldest first. */
  *touching(start: number, end: number): Generator<Handler> {
    for (const { range, handler } of this.#entries) {
      if (start < range.end && end > range.start) yield handler;
    }
  }
}
