import type { CodeCache } from "../engine/code-cache.ts";
import type { Discovery, PageDiscovery, RegionLimits, Trail } from "./discovery.ts";
import { offsetInPage, PAGE_BYTES } from "./page-offset.ts";
import { holdsByte, type Translation } from "./translation.ts";

const LARGEST_REGION: RegionLimits = { blocks: 160, instructions: 1200 };
const NOTHING: ReadonlySet<number> = new Set();

/** What runs have shown of code. */
export type ExecutedCode = Pick<CodeCache, "indirectTargets" | "wasReached">;

/** Bounds of an exploration. */
export interface ExplorationBounds {
  /** Offsets in the page that are not followed to. Default: none. */
  readonly avoided?: ReadonlySet<number>;
  /** Default: those of a region. */
  readonly limits?: RegionLimits;
}

/** Code of one mode in a frame that is mapped at one place. */
export class ExploredPage {
  /** Offset in CS. */
  readonly at: number;
  readonly #discovery: PageDiscovery;
  readonly #trail: Trail;
  #live: readonly Translation[] = [];
  /** A mark for each offset in the page at which a block of a live translation begins. */
  readonly #begins = new Uint8Array(PAGE_BYTES);
  /** Of the exploration under way. */
  #avoided = NOTHING;

  constructor(code: ExecutedCode, discovery: PageDiscovery) {
    const { frame, at, mode } = discovery.page;
    this.at = at;
    this.#discovery = discovery;
    this.#trail = {
      targetsOf: (source) => code.indirectTargets(frame, mode.number, source),
      isWanted: (target) =>
        !this.#avoided.has(offsetInPage(target)) &&
        (this.isPart(target) || code.wasReached(frame, mode.number, target)),
    };
  }

  /** How many instructions of it have been decoded. */
  get size(): number {
    return this.#discovery.size;
  }

  /** Translations of the page that can be entered. */
  get live(): readonly Translation[] {
    return this.#live;
  }

  set live(live: readonly Translation[]) {
    const known = this.#live;
    if (live.length === known.length && live.every((one, index) => one === known[index])) return;
    for (const { blocks } of known) for (const offset of blocks) this.#begins[offset] = 0;
    for (const { blocks } of live) for (const offset of blocks) this.#begins[offset] = 1;
    this.#live = live;
  }

  /** Whether a block of a live translation begins at an offset in CS. */
  isPart(at: number): boolean {
    return this.#begins[offsetInPage(at)] === 1;
  }

  /** Whether a block of a live translation begins at an offset in CS, but it cannot be entered there. */
  isInner(at: number): boolean {
    const offset = offsetInPage(at);
    return (
      this.isPart(at) &&
      this.#live.some(({ blocks, entries }) => blocks.includes(offset) && !entries.includes(at))
    );
  }

  /** Whether an offset in CS lies inside a translated block: it is where the interpreter goes on after it has helped out. */
  isTail(at: number): boolean {
    const offset = offsetInPage(at);
    return this.#live.some((one) => !one.blocks.includes(offset) && holdsByte(one, offset));
  }

  /** Follows executed code from some roots. */
  explore(roots: readonly number[], bounds: ExplorationBounds = {}): Discovery {
    this.#avoided = bounds.avoided ?? NOTHING;
    return this.#discovery.discover(roots, this.#trail, bounds.limits ?? LARGEST_REGION);
  }
}
