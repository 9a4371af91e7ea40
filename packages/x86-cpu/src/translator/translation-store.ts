import { MOST_SLOTS } from "../interpreter/entry-cache.ts";
import { FIRST_TRANSLATION } from "../interpreter/record.ts";
import type { Translation } from "./translation.ts";

/** Memory that a module takes beside its code: measured, in bytes. */
const MODULE_BYTES = 27_000;
/** Translations of one page that other frames may still come to share: older ones are superseded or of code that is gone. */
const MOST_OF_A_PAGE = 32;
/** Machine code and metadata per byte of WebAssembly. */
const EXPANSION = 12;

/**
 * The table of translations and what is in it, by the mode and page that it is for: frames with the same content at the same
 * address share it. One that a larger one has replaced stays, because other frames may still enter it. Bounded: when the limit
 * is reached, all of it is forgotten.
 */
export class TranslationStore {
  readonly table: WebAssembly.Table = new WebAssembly.Table({ initial: 1024, element: "anyfunc" });
  readonly #limitBytes: number;
  readonly #byPage = new Map<number, Map<number, Translation[]>>();
  #next = FIRST_TRANSLATION;
  #usedBytes = 0;
  /** Translations made so far, also those that are forgotten. */
  made = 0;
  /** How often everything was forgotten: a slot that was taken in another generation is not one any more. */
  generation = 0;

  /** @param limitBytes - estimated memory of all translations together */
  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** Whether it is time to {@link clear}. */
  get isFull(): boolean {
    return this.#usedBytes > this.#limitBytes || this.#next > MOST_SLOTS / 2;
  }

  /** Takes consecutive numbers for functions to be. @returns the first */
  takeSlots(count: number): number {
    const first = this.#next;
    this.#next += count;
    this.made += count;
    return first;
  }

  /** Counts a module that is kept from now on. */
  account(moduleBytes: number): void {
    this.#usedBytes += MODULE_BYTES + EXPANSION * moduleBytes;
  }

  /** Puts a function into the table under the slot of its translation. */
  add(translation: Translation, run: CallableFunction): void {
    while (translation.slot >= this.table.length) this.table.grow(this.table.length);
    this.table.set(translation.slot, run);
    const { mode, page } = translation;
    let pages = this.#byPage.get(mode);
    if (pages === undefined) {
      pages = new Map();
      this.#byPage.set(mode, pages);
    }
    const known = pages.get(page);
    if (known === undefined) pages.set(page, [translation]);
    else {
      known.push(translation);
      if (known.length > MOST_OF_A_PAGE) known.shift();
    }
  }

  /** Translations for a page, newest last. */
  of(mode: number, page: number): readonly Translation[] {
    return this.#byPage.get(mode)?.get(page) ?? [];
  }

  /** Forgets everything. No jump cache entry may lead here any more. */
  clear(): void {
    for (let slot = FIRST_TRANSLATION; slot < this.#next; slot++) this.table.set(slot, null);
    this.#byPage.clear();
    this.#next = FIRST_TRANSLATION;
    this.#usedBytes = 0;
    this.generation += 1;
  }
}
