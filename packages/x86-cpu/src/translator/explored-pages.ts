import type { CodeCache } from "../engine/code-cache.ts";
import { FIRST_MODE_WITHOUT_STOPS, type Mode } from "../engine/mode.ts";
import { type HandlerLookup, PageDiscovery } from "./discovery.ts";
import { EffectTable } from "./effects.ts";
import { type ExecutedCode, ExploredPage } from "./explored-page.ts";
import { offsetInPage } from "./page-offset.ts";

/** Pages of which is kept what was decoded, and most instructions of all of them. */
const MOST = { pages: 256, instructions: 40_000 };

/** Where pages are read from. */
export type ExploredCode = ExecutedCode &
  Pick<CodeCache, "versionOf" | "instructionAt" | "translationsOf" | "frameOf" | "isStop">;

/** A page, for as long as nobody needs its memory, and the version of its frame that was decoded. */
interface KnownPage {
  readonly page: WeakRef<ExploredPage>;
  readonly version: number;
}

const sizeOf = (page: WeakRef<ExploredPage>): number => page.deref()?.size ?? 0;

/** Pages that were explored last: regions are looked for in the same ones again and again. What has not changed is decoded once. */
export class ExploredPages {
  readonly #code: ExploredCode;
  readonly #handlerOf: HandlerLookup;
  readonly #narrowEffects = new EffectTable({ wide: false });
  readonly #wideEffects = new EffectTable({ wide: true });
  /** By frame and mode; those that were asked for last are the last ones. */
  readonly #known = new Map<number, KnownPage>();

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
    const known = this.#known.get(key);
    this.#known.delete(key);
    let page = known?.version === version ? known.page.deref() : undefined;
    if (known === undefined || page?.at !== at) {
      this.#makeRoom();
      page = new ExploredPage(code, this.#discoveryOf(frame, at, mode));
      this.#known.set(key, { page: new WeakRef(page), version });
    } else this.#known.set(key, known);
    page.live = code.translationsOf(frame, mode.number).filter((one) => one.page === at);
    return page;
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

  /** Forgets those that have not been asked for longest, where there are too many for another one. */
  #makeRoom(): void {
    let instructions = 0;
    for (const { page } of this.#known.values()) instructions += sizeOf(page);
    for (const [key, { page }] of this.#known) {
      if (this.#known.size < MOST.pages && instructions < MOST.instructions) return;
      this.#known.delete(key);
      instructions -= sizeOf(page);
    }
  }
}
