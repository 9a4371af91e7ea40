import type { MachineMemory } from "@xenolith/machine-interface";
import type { Block } from "../engine/block.ts";
import type { CodeCache } from "../engine/code-cache.ts";
import type { CodePlace } from "../engine/code-place.ts";
import type { Mode } from "../engine/mode.ts";
import type { InstructionSource } from "../engine/recent-instructions.ts";
import { type Discovery, type HandlerLookup, PageDiscovery, type RegionLimits } from "./discovery.ts";
import { DISTANT_LIMITS, distantFunction, MOST_DISTANT } from "./distant-function.ts";
import type { EffectTable } from "./effects.ts";
import { buildFlowGraph } from "./flow-graph.ts";
import type { RegionBlock } from "./region-block.ts";
import type { Translation } from "./translation.ts";

const PAGE_BYTES = 4096;
const LIMITS = { blocks: 160, instructions: 1200 };
/** Instructions up to which a region takes the place of older ones that it meets. Beyond, it leads to them instead. */
const LARGEST_UNION = 500;
/**
 * Beyond this many, a region takes their place only where it is twice as much: else code would be translated over and over.
 * Loops within loops are better off as one.
 */
const ANY_UNION = { loop: 100, straight: 30 };
const NOTHING: ReadonlySet<number> = new Set();

/** Follows executed code of a page from some roots; it stops at what is known. */
type Explore = (roots: readonly number[], known: ReadonlySet<number>, limits?: RegionLimits) => Discovery;

/** What is known of a page while some of its regions are looked for. */
interface Page {
  /** Offset in CS. */
  readonly at: number;
  readonly live: readonly Translation[];
  readonly explore: Explore;
}

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
  readonly handlerOf: HandlerLookup;
  readonly effects: EffectTable;
  readonly mode: Mode;
}

/** Looks for the regions of one module: around hot and warm blocks of a mode. */
export class CandidateSearch {
  /** Those found so far. */
  readonly candidates: Candidate[] = [];
  readonly #options: SearchOptions;
  readonly #pages = new Map<number, Page>();

  constructor(options: SearchOptions) {
    this.#options = options;
  }

  /** The page of a place. One that is known serves for all its blocks: what has been decoded of it is decoded once. */
  #pageOf(place: CodePlace): Page {
    const at = pageOf(place);
    const frame = place.host >>> 12;
    const known = this.#pages.get(frame);
    if (known?.at === at) return known;
    const live = this.#options.code.translationsOf(frame, place.mode.number);
    const page = { at, live, explore: this.#explorerOf(place, live) };
    this.#pages.set(frame, page);
    return page;
  }

  #explorerOf(place: CodePlace, live: readonly Translation[]): Explore {
    const {
      code,
      handlerOf,
      effects,
      mode: { number: mode },
    } = this.#options;
    const frame = place.host >>> 12;
    const source: InstructionSource = (of, offset, width) => code.instructionAt(of, offset, width);
    const explorer = new PageDiscovery(source, place, {
      handlerOf,
      effects,
      frameOf: (at) => code.frameOf(mode, at),
      isStop: code.isStop,
    });
    const wasExecuted = (at: number): boolean =>
      code.wasReached(frame, mode, at) || live.some(({ blocks }) => blocks.has(at));
    return (roots, known, limits = LIMITS) => {
      const targetsOf = (from: number): readonly number[] => code.indirectTargets(frame, mode, from);
      return explorer.discover(
        roots,
        { targetsOf, isWanted: (at) => !known.has(at) && wasExecuted(at) },
        limits,
      );
    };
  }

  /** Adds the region of a block to those to be translated, unless another has it already. */
  consider(block: Block, isHot: boolean): void {
    const { code, mode } = this.#options;
    const { candidates } = this;
    const { frame, instructionPointer: at } = block;
    const samePage = candidates.filter((one) => one.frame === frame);
    if (samePage.some(({ discovery }) => discovery.entries.includes(at))) return;
    const { at: page, live, explore } = this.#pageOf(placeIn(frame, at, mode));
    if (!isHot) {
      const isPart = live.some(({ blocks }) => blocks.has(at));
      if (isPart || samePage.some(({ discovery }) => discovery.blocks.some((one) => one.at === at))) return;
    }
    if (isTailOf(live, at)) {
      code.neverTranslate(block);
      return;
    }
    let roots: readonly number[] = [at];
    let discovery = explore(roots, NOTHING);
    if (discovery.blocks.length === 0) {
      code.neverTranslate(block);
      return;
    }
    const begins = new Set(discovery.blocks.map((one) => one.at));
    const overlaps = (blocks: Iterable<number>): boolean => [...blocks].some((one) => begins.has(one));
    let replaced = live.filter((one) => overlaps(one.blocks));
    const joined = samePage.filter((one) => overlaps(one.discovery.blocks.map((each) => each.at)));
    const rootsWith = (others: readonly { readonly roots: readonly number[] }[]): readonly number[] => [
      ...new Set([...others.flatMap((one) => one.roots), at]),
    ];
    if (replaced.length + joined.length > 0) {
      roots = rootsWith([...replaced, ...joined]);
      discovery = explore(roots, NOTHING);
      const isInner = live.some(({ blocks, entries }) => blocks.has(at) && !entries.includes(at));
      if (isInner && detours(discovery) > detours(explore(roots.slice(0, -1), NOTHING))) {
        code.neverTranslate(block);
        return;
      }
    }
    const size = instructionCount(discovery);
    if (replaced.length > 0 && size > (block.spot.isLoop ? ANY_UNION.loop : ANY_UNION.straight)) {
      const rest = explore(rootsWith(joined), new Set(live.flatMap((one) => one.entries)));
      if (size > LARGEST_UNION || size > 2 * instructionCount(rest)) {
        replaced = [];
        roots = rootsWith(joined);
        discovery = rest;
      }
    }
    const others = [...replaced, ...joined.flatMap((one) => one.replaced)];
    for (const one of joined) candidates.splice(candidates.indexOf(one), 1);
    const isLoop = roots.length === 1 && block.spot.isLoop;
    candidates.push({ frame, page, roots, isLoop, discovery, replaced: [...new Set(others)] });
  }

  /** Functions in other pages that blocks of a region call and that are small and simple: the region takes them along. */
  distantBlocks({ frame: caller, discovery: { blocks } }: Candidate): readonly RegionBlock[] {
    const { code, machine, mode } = this.#options;
    const found = new Map<number, RegionBlock>();
    const own = new Set(blocks.map(({ at }) => at));
    const asked = new Set<number>();
    let instructions = 0;
    for (const { at, end, target } of blocks) {
      if (end !== "call" || target === null || own.has(target) || asked.has(target)) continue;
      if (!code.isBusy(caller, mode.number, at)) continue;
      asked.add(target);
      const frame = code.frameOf(mode.number, target);
      if (frame === null || instructions >= MOST_DISTANT) continue;
      const { explore, at: page } = this.#pageOf(placeIn(frame, target, mode));
      const discovery = explore([target], NOTHING, DISTANT_LIMITS);
      // No place twice: one of the region's own page may be part of a function that is none of its own blocks.
      if (discovery.blocks.some((one) => own.has(one.at) || found.has(one.at))) continue;
      const taken = distantFunction(target, discovery, page, machine.bytes, frame * PAGE_BYTES) ?? [];
      for (const block of taken) found.set(block.at, block);
      if (taken.length > 0) instructions += instructionCount(discovery);
    }
    return [...found.values()];
  }
}

/** Offset in CS of the page that a place lies in. */
const pageOf = (place: CodePlace): number => place.instructionPointer - (place.host & (PAGE_BYTES - 1));

/** An offset in CS of flat code whose page is in a frame. */
const placeIn = (frame: number, at: number, mode: Mode): CodePlace => ({
  instructionPointer: at,
  linear: at,
  mode,
  host: frame * PAGE_BYTES + (at & (PAGE_BYTES - 1)),
});

const instructionCount = ({ blocks }: Discovery): number =>
  blocks.reduce((sum, { instructions }) => sum + instructions.length, 0);

/** How many edges of a region structured code cannot express. */
const detours = (discovery: Discovery): number =>
  buildFlowGraph(discovery, []).nodes.reduce((sum, { viaDispatcher }) => sum + viaDispatcher.size, 0);

/** Whether an address lies inside a translated block: it is where the interpreter goes on after it has helped out. */
const isTailOf = (live: readonly Translation[], at: number): boolean =>
  live.some(
    ({ blocks, ranges, page }) =>
      !blocks.has(at) &&
      ranges.some(({ start, bytes }) => at - page >= start && at - page < start + bytes.length),
  );
