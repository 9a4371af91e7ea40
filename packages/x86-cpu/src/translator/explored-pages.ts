import type { CodeCache } from "../engine/code-cache.ts";
import { FIRST_MODE_WITHOUT_STOPS, type Mode } from "../engine/mode.ts";
import { type HandlerLookup, PageDiscovery } from "./discovery.ts";
import { EffectTable } from "./effects.ts";
import { type ExecutedCode, ExploredPage } from "./explored-page.ts";
import { offsetInPage } from "./page-offset.ts";

/** Pages of which is kept what was decoded, and most instructions of all of them. */
const MOST = { pages: 256, instructions: 40_000 };
/** Runs of guests without a page being asked for after which none is kept: nothing is being translated any more. */
const MOST_IDLE_RUNS = 1024;

/** Where pages are read from. */
export type ExploredCode = ExecutedCode &
  Pick<CodeCache, "versionOf" | "instructionAt" | "translationsOf" | "frameOf" | "isStop">;

/** A page, and the version of its frame that was decoded. */
interface KnownPage {
  readonly page: ExploredPage;
  readonly version: number;
  /** Instructions that had been decoded of it when another page was asked for. */
  size: number;
}

/** Pages that were explored last: regions are looked for in the same ones again and again. What has not changed is decoded once. */
export class ExploredPages {
  readonly #code: ExploredCode;
  readonly #handlerOf: HandlerLookup;
  readonly #narrowEffects = new EffectTable({ wide: false });
  readonly #wideEffects = new EffectTable({ wide: true });
  /** By frame and mode; those that were asked for last are the last ones. */
  readonly #known = new Map<number, KnownPage>();
  /** Sum of the sizes of all. */
  #size = 0;
  /** The page that was asked for last: more may be decoded of it. */
  #latest: KnownPage | null = null;
  #idleRuns = 0;

  constructor(code: ExploredCode, handlerOf: HandlerLookup) {
    this.#code = code;
    this.#handlerOf = handlerOf;
  }

  /** The page that holds an offset in CS of flat code and lies in a frame, as it is now. */
  of(frame: number, instructionPointer: number, mode: Mode): ExploredPage {
    const code = this.#code;
    const at = instructionPointer - offsetInPage(instructionPointer);
    const version = code.versionOf(frame);
    const key = frame * FIRST_MODE_WITHOUT_STOPS + mode.number;
    this.#idleRuns = 0;
    this.#measureLatest();
    let known = this.#known.get(key);
    if (known?.version === version && known.page.at === at) this.#known.delete(key);
    else {
      if (known !== undefined) this.#forget(key, known);
      this.#makeRoom();
      known = { page: new ExploredPage(code, this.#discoveryOf(frame, at, mode)), version, size: 0 };
    }
    this.#known.set(key, known);
    this.#latest = known;
    const { page } = known;
    page.live = code.translationsOf(frame, mode.number).filter((one) => one.page === at);
    return page;
  }

  /** Told of each run of a guest. */
  ran(): void {
    this.#idleRuns += 1;
    if (this.#idleRuns !== MOST_IDLE_RUNS) return;
    this.#known.clear();
    this.#size = 0;
    this.#latest = null;
  }

  #discoveryOf(frame: number, at: number, mode: Mode): PageDiscovery {
    const code = this.#code;
    return new PageDiscovery(
      { frame, at, mode },
      {
        source: (of, offset) => code.instructionAt(of, offset, mode),
        handlerOf: this.#handlerOf,
        effects: mode.codeBytes === 8 ? this.#wideEffects : this.#narrowEffects,
        frameOf: (target) => code.frameOf(mode.number, target),
        isStop: (target) => code.isStop?.(target) === true,
      },
    );
  }

  #measureLatest(): void {
    if (this.#latest === null) return;
    const { page, size } = this.#latest;
    this.#size += page.size - size;
    this.#latest.size = page.size;
    this.#latest = null;
  }

  #forget(key: number, { size }: KnownPage): void {
    this.#known.delete(key);
    this.#size -= size;
  }

  /** Forgets those that have not been asked for longest, where there are too many for another one. */
  #makeRoom(): void {
    for (const [key, known] of this.#known) {
      if (this.#known.size < MOST.pages && this.#size < MOST.instructions) return;
      this.#forget(key, known);
    }
  }
}
