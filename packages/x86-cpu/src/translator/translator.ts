import type { MachineMemory } from "@xenolith/machine-interface";
import type { Block } from "../engine/block.ts";
import type { CodeCache } from "../engine/code-cache.ts";
import type { CodePlace } from "../engine/code-place.ts";
import { FIRST_MODE_WITHOUT_STOPS, type Mode } from "../engine/mode.ts";
import { type SupportExports, supportImports } from "../support/support-module.ts";
import { type Candidate, CandidateSearch } from "./candidate-search.ts";
import { rangesOf } from "./code-range.ts";
import type { HandlerLookup } from "./discovery.ts";
import {
  type EmittedModule,
  emitRegions,
  type ModuleEnvironment,
  moduleImports,
  regionExport,
} from "./emit-regions.ts";
import { ExploredPages } from "./explored-pages.ts";
import { offsetInPage, PAGE_BYTES } from "./page-offset.ts";
import { isTranslationOf, type TranslatedRegion, type Translation } from "./translation.ts";
import type { ArchivedRegion, ArchivedTranslations } from "./translation-archive.ts";
import type { TranslationStore } from "./translation-store.ts";

/** What a translator is made with. */
export interface TranslatorOptions {
  readonly machine: MachineMemory;
  readonly code: CodeCache;
  readonly store: TranslationStore;
  readonly environment: ModuleEnvironment;
  readonly support: SupportExports;
  readonly handlerOf: HandlerLookup;
  /** Translations that other engines have made; null: none are kept. */
  readonly archive: ArchivedTranslations | null;
}

const NOTHING: readonly ArchivedRegion[] = [];
/** Most regions of one module. */
const LARGEST_BATCH = 64;

/**
 * Turns hot code into functions. One module holds the region of the block that has become hot and those of all that are half
 * as warm, because a module costs more than a region.
 */
export class Translator {
  readonly #options: TranslatorOptions;
  readonly #pages: ExploredPages;

  constructor(options: TranslatorOptions) {
    this.#options = options;
    this.#pages = new ExploredPages(options.code, options.handlerOf);
  }

  /** Whether code of a mode can be translated at all. */
  static canTranslate(mode: Mode): boolean {
    if (mode.number >= FIRST_MODE_WITHOUT_STOPS) return false;
    return mode.codeBytes >= 4 && mode.codeBase === 0 && mode.codeLimit >= 0xffff_ffff && mode.hasFlatStack;
  }

  /** Told of each run of a guest: what was decoded to be translated is not kept for ever. */
  ran(): void {
    this.#pages.ran();
  }

  /** A translation made for other frames, or by another engine, that holds the same code and may be entered at this place. */
  adopt(place: CodePlace): Translation | null {
    const { store, machine } = this.#options;
    const { mode, instructionPointer, host } = place;
    const inPage = offsetInPage(host);
    const archived = this.#archivedAt(mode, instructionPointer, host - inPage);
    const loop = archived.findLast(({ region }) => region.isLoop && region.roots[0] === instructionPointer);
    if (loop !== undefined) return this.#wake(loop, mode);
    const known = store.of(mode.number, instructionPointer - inPage);
    for (let index = known.length - 1; index >= 0; index--) {
      const translation = known[index];
      if (translation?.entries.includes(instructionPointer) !== true) continue;
      if (isTranslationOf(translation, machine.bytes, host - inPage)) return translation;
    }
    return archived[0] === undefined ? null : this.#wake(archived[0], mode);
  }

  /** Archived regions for code at a place whose page begins at `host`, newest first. */
  #archivedAt(mode: Mode, instructionPointer: number, host: number): readonly ArchivedRegion[] {
    const { archive, code, machine } = this.#options;
    // They know nothing of places where runs are to stop.
    if (archive === null || code.isStop !== null || !Translator.canTranslate(mode)) return NOTHING;
    return archive
      .regionsAt(mode, instructionPointer)
      .filter(({ region }) => isTranslationOf(region, machine.bytes, host));
  }

  /** The translation that an archived region is: its module is put into the table unless it is there. */
  #wake({ module, position }: ArchivedRegion, mode: Mode): Translation | null {
    const { generation } = this.#options.store;
    if (module.generation !== generation) {
      module.generation = generation;
      module.translations = this.#install(module.archived, module.archived.regions, mode);
    }
    return module.translations[position] ?? null;
  }

  /** Translates the region of a block that has counted down, and others that are warm. */
  translate(block: Block, mode: Mode): void {
    const { code, machine, environment, archive } = this.#options;
    if (!Translator.canTranslate(mode)) {
      code.neverTranslate(block);
      return;
    }
    const search = this.#search(block, mode);
    const { candidates } = search;
    if (candidates.length > 0) {
      const plans = candidates.map((candidate) => ({
        page: candidate.page,
        blocks: candidate.discovery.blocks,
        entries: candidate.discovery.entries,
        distant: search.distantBlocks(candidate),
      }));
      const made = emitRegions(plans, mode, environment);
      const regions = candidates.map(
        ({ frame, page, roots, isLoop, discovery: { blocks } }, position): TranslatedRegion => ({
          page,
          entries: made.entries[position] ?? [],
          roots,
          isLoop,
          blocks: blocks.map(({ at }) => offsetInPage(at)),
          ranges: rangesOf(blocks, page, machine.bytes, frame * PAGE_BYTES),
        }),
      );
      if (code.isStop === null) archive?.keep(mode, made, regions);
      this.#attach(candidates, this.#install(made, regions, mode));
    }
    if (!code.isTranslated(block)) code.neverTranslate(block);
  }

  #search(block: Block, mode: Mode): CandidateSearch {
    const { machine, code } = this.#options;
    const search = new CandidateSearch({ machine, code, pages: this.#pages, mode });
    search.consider(block, true);
    if (search.candidates.length === 0) return search;
    code.takeWarm(
      mode.number,
      () => search.candidates.length < LARGEST_BATCH,
      (warm) => search.consider(warm, false),
    );
    return search;
  }

  /** Puts the functions of a module into the table. */
  #install(
    { bytes, support: names }: Pick<EmittedModule, "bytes" | "support">,
    regions: readonly TranslatedRegion[],
    mode: Mode,
  ): readonly Translation[] {
    const { store, machine, support } = this.#options;
    const first = store.takeSlots(regions.length);
    const { exports } = new WebAssembly.Instance(
      new WebAssembly.Module(bytes),
      moduleImports(machine.memory, first, supportImports(support, names)),
    );
    store.account(bytes.length);
    return regions.map((region, position) => {
      const translation = { ...region, slot: first + position, mode: mode.number };
      store.add(translation, exports[regionExport(position)] as CallableFunction);
      return translation;
    });
  }

  /** Lets the translations of candidates be entered in their place. */
  #attach(candidates: readonly Candidate[], translations: readonly Translation[]): void {
    const { code } = this.#options;
    candidates.forEach(({ frame, replaced }, position) => {
      const translation = translations[position];
      if (translation === undefined) return;
      for (const old of replaced) code.detach(frame, old);
      code.attach(frame, translation);
    });
  }
}
