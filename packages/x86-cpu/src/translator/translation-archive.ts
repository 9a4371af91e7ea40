import type { Mode } from "../engine/mode.ts";
import type { EmittedModule } from "./emit-regions.ts";
import type { TranslatedRegion, Translation } from "./translation.ts";

/**
 * A module of translations as plain data that can be cloned and stored. It is used only for code that is, byte for byte, what it was made
 * from.
 */
export interface ArchivedModule extends Pick<EmittedModule, "bytes" | "support"> {
  /** Describes the mode of all its code. */
  readonly mode: string;
  readonly regions: readonly TranslatedRegion[];
}

/** Keeps translations for other engines, as of later processes. What is kept is trusted to be what was given. */
export interface TranslationArchive {
  /**
   * The modules that were kept by engines of the same environment, oldest first. Called once, before anything is kept.
   * @param environment - describes all that modules depend on beside this package's version, which is the archive's concern
   */
  open(environment: string): readonly ArchivedModule[];
  /** Keeps a module. Its arrays do not change any more. */
  keep(module: ArchivedModule): void;
}

/** A module of an archive, and what became of it. */
interface KnownModule {
  readonly archived: ArchivedModule;
  /** Generation of the store in which its functions were put into the table; -1: they never were. */
  generation: number;
  /** Its regions as translations of that generation. */
  translations: readonly Translation[];
}

/** A region of an archived module. */
export interface ArchivedRegion {
  readonly module: KnownModule;
  /** Position of the region in the module. */
  readonly position: number;
  readonly region: TranslatedRegion;
}

const NOTHING: readonly ArchivedRegion[] = [];

/** Describes a mode by all that code depends on. */
const describeMode = ({ number: _number, ...rest }: Mode): string => JSON.stringify(rest);

/** What an engine finds in an archive: regions by mode and place. */
export class ArchivedTranslations {
  readonly #archive: TranslationArchive;
  /** By mode and then by offset in CS of an entry, newest first. */
  readonly #byEntry = new Map<string, Map<number, ArchivedRegion[]>>();
  readonly #modes = new WeakMap<Mode, string>();

  /** @param environment - see {@link TranslationArchive.open} */
  constructor(archive: TranslationArchive, environment: string) {
    this.#archive = archive;
    for (const archived of archive.open(environment)) this.#add(archived);
  }

  #add(archived: ArchivedModule): void {
    let entries = this.#byEntry.get(archived.mode);
    if (entries === undefined) {
      entries = new Map();
      this.#byEntry.set(archived.mode, entries);
    }
    const module: KnownModule = { archived, generation: -1, translations: [] };
    for (const [position, region] of archived.regions.entries()) {
      for (const at of region.entries) {
        const known = entries.get(at);
        if (known === undefined) entries.set(at, [{ module, position, region }]);
        else known.unshift({ module, position, region });
      }
    }
  }

  #describe(mode: Mode): string {
    let description = this.#modes.get(mode);
    if (description === undefined) {
      description = describeMode(mode);
      this.#modes.set(mode, description);
    }
    return description;
  }

  /** Regions with an entry at an offset in CS, newest first. */
  regionsAt(mode: Mode, at: number): readonly ArchivedRegion[] {
    return this.#byEntry.get(this.#describe(mode))?.get(at) ?? NOTHING;
  }

  /** Keeps a module that was made now. */
  keep(mode: Mode, { bytes, support }: EmittedModule, regions: readonly TranslatedRegion[]): void {
    this.#archive.keep({ mode: this.#describe(mode), bytes, support, regions });
  }
}
