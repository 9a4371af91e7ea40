import type { MachineMemory } from "@xenolith/machine-interface";
import { type FunctionBody, ModuleBuilder, TYPE } from "@xenolith/wasm-emitter";
import type { Block } from "../engine/block.ts";
import type { CodeCache } from "../engine/code-cache.ts";
import type { CodePlace } from "../engine/code-place.ts";
import { FIRST_MODE_WITHOUT_STOPS, type Mode } from "../engine/mode.ts";
import type { InstructionSource } from "../engine/recent-instructions.ts";
import { TRANSLATION_PARAMETERS } from "../interpreter/build-interpreter.ts";
import type { SupportFunction } from "../support/support-function.ts";
import { linkSupport, SUPPORT_IMPORT, type SupportExports } from "../support/support-module.ts";
import { rangesOf } from "./code-range.ts";
import { type Discovery, type HandlerLookup, PageDiscovery, type RegionLimits } from "./discovery.ts";
import { DISTANT_LIMITS, distantFunction, MOST_DISTANT } from "./distant-function.ts";
import { EffectTable } from "./effects.ts";
import { buildFlowGraph } from "./flow-graph.ts";
import type { RegionBlock } from "./region-block.ts";
import { RegionEmitter } from "./region-emitter.ts";
import { isTranslationOf, type Translation } from "./translation.ts";
import type { TranslationStore } from "./translation-store.ts";
import type { TranslatorPlaces } from "./translator-machine.ts";

/** What a translator is made with. */
export interface TranslatorOptions {
  readonly machine: MachineMemory;
  readonly code: CodeCache;
  readonly store: TranslationStore;
  readonly places: TranslatorPlaces;
  readonly support: SupportExports;
  readonly handlerOf: HandlerLookup;
}

const PAGE_BYTES = 4096;
const WASM_PAGE_BYTES = 65_536;
const LIMITS = { blocks: 160, instructions: 1200 };
/** Instructions up to which a region takes the place of older ones that it meets. Beyond, it leads to them instead. */
const LARGEST_UNION = 500;
/**
 * Beyond this many, a region takes their place only where it is twice as much: else code would be translated over and over.
 * Loops within loops are better off as one.
 */
const ANY_UNION = { loop: 100, straight: 30 };
const NOTHING: ReadonlySet<number> = new Set();
/** Most regions of one module. */
const LARGEST_BATCH = 64;

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
interface Candidate {
  readonly place: CodePlace;
  readonly page: number;
  readonly roots: readonly number[];
  readonly discovery: Discovery;
  /** Translations of the same page that it takes the place of. */
  readonly replaced: readonly Translation[];
}

/**
 * Turns hot code into functions. One module holds the region of the block that has become hot and those of all that are half
 * as warm, because a module costs more than a region.
 */
export class Translator {
  readonly #options: TranslatorOptions;
  readonly #narrowEffects = new EffectTable({ wide: false });
  readonly #wideEffects = new EffectTable({ wide: true });

  constructor(options: TranslatorOptions) {
    this.#options = options;
  }

  /** Whether code of a mode can be translated at all. */
  static canTranslate(mode: Mode): boolean {
    if (mode.number >= FIRST_MODE_WITHOUT_STOPS) return false;
    return mode.codeBytes >= 4 && mode.codeBase === 0 && mode.codeLimit >= 0xffff_ffff && mode.hasFlatStack;
  }

  /** A translation made for other frames that holds the same code and may be entered at this place. */
  adopt(place: CodePlace): Translation | null {
    const { store, machine } = this.#options;
    const page = pageOf(place);
    const known = store.of(place.mode.number, page);
    for (let index = known.length - 1; index >= 0; index--) {
      const translation = known[index];
      if (translation?.entries.includes(place.instructionPointer) !== true) continue;
      if (isTranslationOf(translation, machine.bytes, hostPageOf(place))) return translation;
    }
    return null;
  }

  /** Translates the region of a block that has counted down, and others that are warm. */
  translate(place: CodePlace, block: Block): void {
    const { code } = this.#options;
    if (!Translator.canTranslate(place.mode)) {
      code.neverTranslate(block);
      return;
    }
    const candidates: Candidate[] = [];
    const pages = new Map<number, Page>();
    this.#consider(place, block, candidates, pages);
    if (candidates.length === 0) return;
    for (const warm of code.warmBlocks(place.mode.number)) {
      if (candidates.length >= LARGEST_BATCH) break;
      if (warm !== block) this.#consider(placeOf(warm, place.mode), warm, candidates, pages);
    }
    this.#build(candidates, place.mode, pages);
  }

  #effectsOf(mode: Mode): EffectTable {
    return mode.codeBytes === 8 ? this.#wideEffects : this.#narrowEffects;
  }

  /** The page of a place. One that is known serves for all its blocks: what has been decoded of it is decoded once. */
  #pageOf(place: CodePlace, pages: Map<number, Page>): Page {
    const at = pageOf(place);
    const frame = place.host >>> 12;
    const known = pages.get(frame);
    if (known?.at === at) return known;
    const live = this.#options.code.translationsOf(frame, place.mode.number);
    const page = { at, live, explore: this.#explorerOf(place, live) };
    pages.set(frame, page);
    return page;
  }

  #explorerOf(place: CodePlace, live: readonly Translation[]): Explore {
    const { code, handlerOf } = this.#options;
    const frame = place.host >>> 12;
    const mode = place.mode.number;
    const source: InstructionSource = (of, offset, width) => code.instructionAt(of, offset, width);
    const explorer = new PageDiscovery(source, place, {
      handlerOf,
      effects: this.#effectsOf(place.mode),
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
  #consider(place: CodePlace, block: Block, candidates: Candidate[], pages: Map<number, Page>): void {
    const { code } = this.#options;
    const at = place.instructionPointer;
    const frame = place.host >>> 12;
    const samePage = candidates.filter((one) => one.place.host >>> 12 === frame);
    if (samePage.some(({ discovery }) => discovery.entries.includes(at))) return;
    const { live, explore } = this.#pageOf(place, pages);
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
    candidates.push({ place, page: pageOf(place), roots, discovery, replaced: [...new Set(others)] });
  }

  /** Functions in other pages that blocks of a region call and that are small and simple: the region takes them along. */
  #distantBlocks(
    { place, discovery: { blocks } }: Candidate,
    mode: Mode,
    pages: Map<number, Page>,
  ): readonly RegionBlock[] {
    const { code, machine } = this.#options;
    const found = new Map<number, RegionBlock>();
    const own = new Set(blocks.map(({ at }) => at));
    const asked = new Set<number>();
    let instructions = 0;
    for (const { at, end, target } of blocks) {
      if (end !== "call" || target === null || own.has(target) || asked.has(target)) continue;
      if (!code.isBusy(place.host >>> 12, mode.number, at)) continue;
      asked.add(target);
      const frame = code.frameOf(mode.number, target);
      if (frame === null || instructions >= MOST_DISTANT) continue;
      const host = frame * PAGE_BYTES;
      const there = {
        instructionPointer: target,
        linear: target,
        mode,
        host: host + (target & (PAGE_BYTES - 1)),
      };
      const { explore, at: page } = this.#pageOf(there, pages);
      const discovery = explore([target], NOTHING, DISTANT_LIMITS);
      // No place twice: one of the region's own page may be part of a function that is none of its own blocks.
      if (discovery.blocks.some((one) => own.has(one.at) || found.has(one.at))) continue;
      const taken = distantFunction(target, discovery, page, machine.bytes, host) ?? [];
      for (const block of taken) found.set(block.at, block);
      if (taken.length > 0) instructions += instructionCount(discovery);
    }
    return [...found.values()];
  }

  #build(candidates: readonly Candidate[], mode: Mode, pages: Map<number, Page>): void {
    const { store, support, machine, code } = this.#options;
    const distant = candidates.map((one) => this.#distantBlocks(one, mode, pages));
    const module = new ModuleBuilder();
    module.importMemory("machine", "memory", machine.memory.buffer.byteLength / WASM_PAGE_BYTES);
    const linked = linkSupport(
      module,
      support,
      supportOf([...candidates.flatMap(({ discovery }) => discovery.blocks), ...distant.flat()]),
    );
    const bodies: FunctionBody[] = [];
    const translations = candidates.map((candidate, index): Translation => {
      const graph = buildFlowGraph(candidate.discovery, distant[index] ?? []);
      const body = module.function(TRANSLATION_PARAMETERS, [TYPE.i32], `t${index}`);
      bodies.push(body);
      const slot = store.takeSlot();
      const { places } = this.#options;
      new RegionEmitter(
        { graph, mode, places, page: candidate.page, slot, callSupport: linked.call },
        body,
      ).emit();
      const { blocks } = candidate.discovery;
      return {
        slot,
        mode: mode.number,
        page: candidate.page,
        entries: graph.entries.map((entry) => graph.nodes[entry]?.block?.at ?? 0),
        roots: candidate.roots,
        blocks: new Set(blocks.map((block) => block.at)),
        ranges: rangesOf(blocks, candidate.page, machine.bytes, hostPageOf(candidate.place)),
      };
    });
    const bytes = module.finish();
    const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), {
      machine: { memory: machine.memory },
      [SUPPORT_IMPORT]: linked.imports,
    });
    store.account(bytes.length);
    translations.forEach((translation, index) => {
      const candidate = candidates[index];
      if (candidate === undefined) return;
      const frame = candidate.place.host >>> 12;
      for (const old of candidate.replaced) code.detach(frame, old);
      store.add(translation, instance.exports[`t${index}`] as CallableFunction);
      code.attach(frame, translation);
    });
  }
}

const hostPageOf = (place: CodePlace): number => place.host - (place.host & (PAGE_BYTES - 1));

/** Offset in CS of the page that a place lies in. */
const pageOf = (place: CodePlace): number => place.instructionPointer - (place.host & (PAGE_BYTES - 1));

const placeOf = (block: Block, mode: Mode): CodePlace => ({
  instructionPointer: block.instructionPointer,
  linear: block.instructionPointer,
  mode,
  host: block.frame * PAGE_BYTES + block.start,
});

const instructionCount = ({ blocks }: Discovery): number =>
  blocks.reduce((sum, { instructions }) => sum + instructions.length, 0);

/** The support functions that blocks call. */
const supportOf = (blocks: readonly RegionBlock[]): readonly SupportFunction[] => {
  const called = new Set<SupportFunction>();
  for (const { instructions } of blocks)
    for (const { effects } of instructions) for (const support of effects.support) called.add(support);
  return [...called];
};

/** Whether an address lies inside a translated block: it is where the interpreter goes on after it has helped out. */
const isTailOf = (live: readonly Translation[], at: number): boolean =>
  live.some(
    ({ blocks, ranges, page }) =>
      !blocks.has(at) &&
      ranges.some(({ start, bytes }) => at - page >= start && at - page < start + bytes.length),
  );
