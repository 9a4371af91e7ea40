import type { MachineMemory } from "@xenolith/machine-interface";
import type { Block } from "../engine/block.ts";
import type { CodeCache } from "../engine/code-cache.ts";
import type { Mode } from "../engine/mode.ts";
import type { Discovery } from "./discovery.ts";
import { DistantFunctions } from "./distant-function.ts";
import type { ExploredPages } from "./explored-pages.ts";
import { buildFlowGraph } from "./flow-graph.ts";
import { offsetInPage } from "./page-offset.ts";
import type { RegionBlock } from "./region-block.ts";
import type { Translation } from "./translation.ts";

/** Instructions up to which a region takes the place of older ones that it meets. Beyond, it leads to them instead. */
const LARGEST_UNION = 500;
/**
 * Beyond this many, a region takes their place only where it is twice as much: else code would be translated over and over.
 * Loops within loops are better off as one.
 */
const ANY_UNION = { loop: 100, straight: 30 };

/** Beyond this many instructions of all functions that a region takes along it takes no further one. */
const MOST_DISTANT = 320;

/** A region that is about to be translated. */
export interface Candidate {
  readonly frame: number;
  /** Offset in CS of its page. */
  readonly page: number;
  /** See `TranslatedRegion`. */
  readonly roots: readonly number[];
  readonly isLoop: boolean;
  readonly discovery: Discovery;
  /** Translations of the same page that it takes the place of. */
  readonly replaced: readonly Translation[];
}

/** What is searched, and what for. */
export interface SearchOptions {
  readonly machine: MachineMemory;
  readonly code: CodeCache;
  readonly pages: ExploredPages;
  readonly mode: Mode;
}

/** Looks for the regions of one module: around hot and warm blocks of a mode. */
export class CandidateSearch {
  /** Those found so far. */
  readonly candidates: Candidate[] = [];
  readonly #options: SearchOptions;
  readonly #functions: DistantFunctions;

  constructor(options: SearchOptions) {
    this.#options = options;
    this.#functions = new DistantFunctions(options);
  }

  /** Adds the region of a block to those to be translated, unless another has it already. */
  consider(block: Block, isHot: boolean): void {
    const { code, pages, mode } = this.#options;
    const { candidates } = this;
    const { frame, instructionPointer: at } = block;
    const page = pages.of(frame, at, mode);
    const { live } = page;
    const samePage = candidates.filter((one) => one.frame === frame && one.page === page.at);
    if (samePage.some(({ discovery }) => discovery.entries.includes(at))) return;
    if (!isHot) {
      const isPart =
        page.isPart(at) || samePage.some(({ discovery }) => discovery.blocks.some((one) => one.at === at));
      if (isPart) return;
    }
    if (page.isTail(at)) {
      code.neverTranslate(block);
      return;
    }
    let roots: readonly number[] = [at];
    let discovery = page.explore(roots);
    if (discovery.blocks.length === 0) {
      code.neverTranslate(block);
      return;
    }
    const begins = offsetsOf(discovery);
    let replaced = live.filter(({ blocks }) => blocks.some((offset) => begins.has(offset)));
    const joined = samePage.filter((one) =>
      one.discovery.blocks.some((each) => begins.has(offsetInPage(each.at))),
    );
    const rootsWith = (others: readonly { readonly roots: readonly number[] }[]): readonly number[] => [
      ...new Set([...others.flatMap((one) => one.roots), at]),
    ];
    if (replaced.length + joined.length > 0) {
      roots = rootsWith([...replaced, ...joined]);
      discovery = page.explore(roots);
      const ways = page.isInner(at) ? detours(discovery) : 0;
      if (ways > 0 && ways > detours(page.explore(roots.slice(0, -1)))) {
        code.neverTranslate(block);
        return;
      }
    }
    const size = instructionCount(discovery.blocks);
    if (replaced.length > 0 && size > (block.spot.isLoop ? ANY_UNION.loop : ANY_UNION.straight)) {
      const avoided = new Set(live.flatMap(({ entries }) => entries.map(offsetInPage)));
      const rest = page.explore(rootsWith(joined), { avoided });
      if (size > LARGEST_UNION || size > 2 * instructionCount(rest.blocks)) {
        replaced = [];
        roots = rootsWith(joined);
        discovery = rest;
      }
    }
    const others = [...replaced, ...joined.flatMap((one) => one.replaced)];
    for (const one of joined) candidates.splice(candidates.indexOf(one), 1);
    const isLoop = roots.length === 1 && block.spot.isLoop;
    candidates.push({ frame, page: page.at, roots, isLoop, discovery, replaced: [...new Set(others)] });
  }

  /** Functions in other pages that blocks of a region call and that are small and simple: the region takes them along. */
  distantBlocks({ frame: caller, discovery: { blocks } }: Candidate): readonly RegionBlock[] {
    const { code, mode } = this.#options;
    const found = new Map<number, RegionBlock>();
    const own = new Set(blocks.map(({ at }) => at));
    const asked = new Set<number>();
    let instructions = 0;
    for (const { at, end, target } of blocks) {
      if (instructions >= MOST_DISTANT) break;
      if (end !== "call" || target === null || own.has(target) || asked.has(target)) continue;
      if (!code.isBusy(caller, mode.number, at)) continue;
      asked.add(target);
      const taken = this.#functions.of(target);
      // No place twice: one of the region's own page may be part of a function that is none of its own blocks.
      if (taken.some((one) => own.has(one.at) || found.has(one.at))) continue;
      for (const block of taken) found.set(block.at, block);
      instructions += instructionCount(taken);
    }
    return [...found.values()];
  }
}

/** Offsets in the page at which blocks begin. */
const offsetsOf = ({ blocks }: Discovery): ReadonlySet<number> =>
  new Set(blocks.map(({ at }) => offsetInPage(at)));

const instructionCount = (blocks: readonly RegionBlock[]): number =>
  blocks.reduce((sum, { instructions }) => sum + instructions.length, 0);

/** How many edges of a region structured code cannot express. */
const detours = (discovery: Discovery): number =>
  buildFlowGraph(discovery, []).nodes.reduce((sum, { viaDispatcher }) => sum + viaDispatcher.size, 0);
