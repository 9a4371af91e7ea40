import type { AddressTranslator, MachineMemory } from "@xenolith/machine-interface";
import type { Feature } from "../decoder/features.ts";
import type { InterpreterEnvironment } from "../interpreter/build-interpreter.ts";
import type { SystemCode } from "../meanings/definition.ts";
import { CpuidTables } from "../state/cpuid-tables.ts";
import { STATE_BYTES } from "../state/layout.ts";
import { supportGroupsOf } from "../support/support-functions.ts";
import {
  type AnnounceStore,
  createSupport,
  type SupportEnvironment,
  type SupportExports,
} from "../support/support-module.ts";
import type { ModuleEnvironment } from "../translator/emit-regions.ts";
import { ArchivedTranslations, type TranslationArchive } from "../translator/translation-archive.ts";
import { TranslationStore } from "../translator/translation-store.ts";
import { Translator } from "../translator/translator.ts";
import { CarefulAccess } from "./careful-access.ts";
import { CodeCache } from "./code-cache.ts";
import { CodeStamps } from "./code-stamps.ts";
import { CodeWidth, type CodeWidths } from "./code-width.ts";
import { DecodedChunks } from "./decoded-chunks.ts";
import { JumpCache } from "./jump-cache.ts";
import { FIRST_MODE_WITHOUT_STOPS, type Mode, ModeTable } from "./mode.ts";
import { RecordArena } from "./record-arena.ts";
import { StateWindow } from "./state-window.ts";

/** Memory and options of an engine. */
export interface EngineOptions {
  readonly machine: MachineMemory;
  readonly translator: AddressTranslator;
  /** What the processor has beyond the base set. */
  readonly features: ReadonlySet<Feature>;
  /** Bytes for decoded code. Default 16 MiB; when it is used up, all is decoded anew. */
  readonly recordBytes?: number;
  /** Whether hot code is translated. Default: yes. */
  readonly translates?: boolean;
  /** How often a loop is interpreted before it is translated; other code, 4 times as often. Default 1000; 0: at once. */
  readonly translateAfter?: number;
  /** Estimated memory that translations may take. Default 256 MiB; when it is used up, all are made anew. */
  readonly translationBytes?: number;
  /** Which system instructions generated code does in their usual case. */
  readonly system: SystemCode;
  /** Where translations are kept for other engines, and found that they have made. Default: nowhere. */
  readonly translationArchive?: TranslationArchive;
}

const WASM_PAGE_BYTES = 65_536;
const DEFAULT_RECORD_BYTES = 0x100_0000;
const DEFAULT_TRANSLATION_BYTES = 256 << 20;
/** How often a loop is interpreted before it is translated. */
const DEFAULT_TRANSLATE_AFTER = 1000;

/** What all VCPUs of one machine share: decoded code, the interpreters generated so far, and slow accesses. */
export class Engine {
  readonly machine: MachineMemory;
  readonly translator: AddressTranslator;
  readonly modes: ModeTable = new ModeTable();
  /** The same modes once more, for code in which stops are ignored. */
  readonly modesWithoutStops: ModeTable = new ModeTable(FIRST_MODE_WITHOUT_STOPS);
  readonly widths: CodeWidths;
  /** Whether hot code is translated. */
  readonly translates: boolean;
  readonly code: CodeCache;
  readonly accesses: CarefulAccess;
  readonly window: StateWindow;
  readonly translations: TranslationStore;
  /** Translates what is hot. */
  readonly hotCode: Translator;
  readonly support: SupportExports;
  /** Answers of CPUID that generated code gives by itself; see `fillCpuidTable`. */
  readonly cpuidTable: number;
  /** Those of monitored VCPUs. */
  readonly identities: CpuidTables;
  /** Room for records that are copied for one run. */
  readonly scratch: number;
  /** Counts how often mode numbers began anew: a mode of another generation means nothing. */
  modeGeneration = 0;

  constructor(options: EngineOptions) {
    const { machine, translator } = options;
    this.machine = machine;
    this.translator = translator;
    const arena = new RecordArena(machine, options.recordBytes ?? DEFAULT_RECORD_BYTES);
    const jumpCache = new JumpCache(machine);
    const chunks = new DecodedChunks(machine);
    const stamps = new CodeStamps(machine);
    this.scratch = arena.scratch;
    this.accesses = new CarefulAccess(machine);
    this.window = new StateWindow(machine);
    this.cpuidTable = this.window.base + STATE_BYTES;
    this.identities = new CpuidTables(machine);
    const announceStore: AnnounceStore = (host, sizeBytes) =>
      this.accesses.announceStore(host >>> 0, sizeBytes);
    const supportEnvironment: SupportEnvironment = {
      machine,
      translator,
      state: this.window.base,
      host: {
        interruptRequested: () => this.accesses.current?.host.interruptRequested() ?? 0,
        portOut: (port, sizeBytes) => this.accesses.current?.host.portOut(port, sizeBytes),
        portIn: (port, sizeBytes) => this.accesses.current?.host.portIn(port, sizeBytes) ?? 0,
        readTimestamp: () => this.accesses.current?.host.readTimestamp() ?? 1,
        fetchDescriptor: (selector) => this.accesses.current?.host.fetchDescriptor(selector),
        enterSide: (side) => this.accesses.current?.host.enterSide(side) ?? 0,
      },
      announceStore,
    };
    this.support = createSupport(supportEnvironment, supportGroupsOf(options.system));
    this.translations = new TranslationStore(options.translationBytes ?? DEFAULT_TRANSLATION_BYTES);
    const environment: InterpreterEnvironment = {
      memory: machine.memory,
      translator,
      support: this.support,
      jumpCache: jumpCache.offset,
      entryCache: jumpCache.entryCache,
      decodedChunks: chunks.offset,
      watchTable: machine.watchTableOffset,
      frameCount: machine.frameCount,
      translations: this.translations.table,
      state: this.window.base,
      announceStore,
      access: (address, flags) => this.accesses.access(address, flags),
      commit: () => this.accesses.commit(),
    };
    const { features, system, translates = true, translateAfter = DEFAULT_TRANSLATE_AFTER } = options;
    this.translates = translates;
    this.widths = {
      narrow: new CodeWidth(false, arena, environment, { translates, features, system }),
      wide: new CodeWidth(true, arena, environment, { translates, features, system }),
    };
    this.code = new CodeCache(machine, arena, this.widths, jumpCache, translateAfter, { chunks, stamps });
    const modules: ModuleEnvironment = {
      places: {
        tlb: translator.tlb,
        state: this.window.base,
        entryCache: jumpCache.entryCache,
        decodedChunks: chunks.offset,
        codeStamps: stamps.offset,
      },
      memoryPages: machine.memory.buffer.byteLength / WASM_PAGE_BYTES,
    };
    const { translationArchive } = options;
    this.hotCode = new Translator({
      machine,
      code: this.code,
      store: this.translations,
      environment: modules,
      archive:
        translates && translationArchive !== undefined
          ? new ArchivedTranslations(
              translationArchive,
              JSON.stringify({ ...modules, system, features: [...features] }),
            )
          : null,
      support: this.support,
      handlerOf: (instruction, mode) => this.widthOf(mode).builder.translatable(instruction, mode),
    });
    if (translates) this.code.adopt = (place) => this.hotCode.adopt(place);
  }

  /** The parts for code of a mode. */
  widthOf(mode: Mode): CodeWidth {
    return mode.codeBytes === 8 ? this.widths.wide : this.widths.narrow;
  }

  /** Makes room when records or modes run out. */
  flushIfFull(): void {
    if (this.code.isFull || this.modes.isFull || this.modesWithoutStops.isFull) this.flush();
  }

  /** Forgets all decoded and translated code, and all modes. Not while generated code is under way. */
  flush(): void {
    this.code.flush();
    this.translations.clear();
    this.modes.clear();
    this.modesWithoutStops.clear();
    this.modeGeneration += 1;
  }
}
