import type { AddressTranslator } from "@xenolith/machine-interface";
import { ModuleBuilder, TYPE, type ValueType } from "@xenolith/wasm-emitter";
import { PART, type Part } from "../meanings/part.ts";
import { STRING_FUNCTIONS } from "../support/strings/index.ts";
import type { SupportFunction } from "../support/support-function.ts";
import { SUPPORT_GROUPS } from "../support/support-functions.ts";
import { importSupport, type SupportExports } from "../support/support-module.ts";
import { SYSTEM_FUNCTIONS } from "../support/system/index.ts";
import { DELIVER_PAGE_FAULT } from "../support/system/page-fault.ts";
import { INTEGER_FUNCTIONS } from "../vector-support/integer-functions.ts";
import { emitDispatcher } from "./emit-dispatcher.ts";
import { emitInterpreter } from "./emit-interpreter.ts";
import {
  emitPart,
  emitUncachedPart,
  type MissFunctions,
  PART_PARAMETERS,
  PART_RESULTS,
  partSlot,
} from "./emit-part.ts";
import type { InterpreterPlaces } from "./execute-check.ts";
import type { HandlerTable } from "./handlers.ts";
import type { InterpreterShape } from "./interpreter-machine.ts";
import {
  emitCarefulTranslation,
  emitFastTranslation,
  emitMissFunction,
  type TranslationImports,
} from "./translate-function.ts";

/** What an interpreter needs of its surroundings. */
export interface InterpreterEnvironment {
  readonly memory: WebAssembly.Memory;
  readonly translator: AddressTranslator;
  readonly support: SupportExports;
  /** Offset in memory of the table of decoded chunks; see `DecodedChunks`. */
  readonly decodedChunks: number;
  /** Offset in memory of the watch bytes of frames, and how many frames there are. */
  readonly watchTable: number;
  readonly frameCount: number;
  /** Offsets of the jump cache and the entry cache in memory. */
  readonly jumpCache: number;
  readonly entryCache: number;
  /** Table of translations. */
  readonly translations: WebAssembly.Table;
  /** Offset in memory of the state block of whoever runs. */
  readonly state: number;
  /** See `TranslationImports`. */
  announceStore(host: number, sizeBytes: number): number;
  access(address: number, flags: number): number;
  /** Carries out or announces the store that {@link access} prepared. */
  commit(): void;
}

/** Types of the parameters of a translation: number of the entry, space tag. Its result is a value of `LEAVE`. */
export const TRANSLATION_PARAMETERS: readonly ValueType[] = [TYPE.i32, TYPE.i32];

/**
 * Runs from the instruction pointer, or from `record` when that is not 0, until something stops it.
 * @param once - careful interpreters: nonzero to come back at the end of the block. Counting ones: nonzero when the first block
 * counts like any other.
 * @returns a value of `LEAVE`.
 */
export type InterpreterFunction = (spaceTag: number, record: number, once: number) => number;

/** Types of the parameters of functions that translate an address: it, size and flags, space tag. */
const translationParameters = ({ wide }: InterpreterShape): readonly ValueType[] => [
  wide ? TYPE.i64 : TYPE.i32,
  TYPE.i32,
  TYPE.i32,
];

interface OpenModule {
  readonly module: ModuleBuilder;
  readonly imports: TranslationImports;
  readonly places: InterpreterPlaces;
}

/** The support functions that handlers of a part call. */
const SUPPORT_OF: Readonly<Record<Part, readonly SupportFunction[]>> = {
  [PART.common]: [],
  [PART.general]: [...STRING_FUNCTIONS, ...INTEGER_FUNCTIONS],
  [PART.system]: SYSTEM_FUNCTIONS,
  [PART.x87]: SUPPORT_GROUPS.x87,
  [PART.vector]: SUPPORT_GROUPS.vector,
};

/** A module under construction that has the imports of an interpreter and its translation function. */
const openModule = (
  shape: InterpreterShape,
  environment: InterpreterEnvironment,
  support: readonly SupportFunction[],
): OpenModule => {
  const module = new ModuleBuilder();
  const { tlb } = environment.translator;
  module.importMemory("machine", "memory", 1);
  const imports: TranslationImports = {
    refill: module.importFunction("machine", "refill", [TYPE.f64, TYPE.i32], [TYPE.i32]),
    announceStore: module.importFunction("machine", "announceStore", [TYPE.i32, TYPE.i32], [TYPE.i32]),
    access: module.importFunction("machine", "access", [TYPE.f64, TYPE.i32], [TYPE.i32]),
  };
  const commit = module.importFunction("machine", "commit", [], []);
  const supportIndex = importSupport(module, support);
  module.importTable("machine", "translations", 1);
  const translate = module.function(translationParameters(shape), [TYPE.i32]);
  if (shape.careful) emitCarefulTranslation(translate, { ...environment, tlb }, imports);
  else emitFastTranslation(translate, { ...environment, tlb }, imports);
  const places: InterpreterPlaces = {
    tlb,
    jumpCache: environment.jumpCache,
    entryCache: environment.entryCache,
    state: environment.state,
    refill: imports.refill,
    translate: translate.index,
    commit,
    partType: module.type(PART_PARAMETERS, PART_RESULTS),
    firstPartSlot: partSlot(shape, PART.general),
    supportIndex,
  };
  return { module, imports, places };
};

const instantiate = (module: ModuleBuilder, environment: InterpreterEnvironment): WebAssembly.Exports =>
  new WebAssembly.Instance(new WebAssembly.Module(module.finish()), {
    machine: {
      memory: environment.memory,
      refill: environment.translator.refillActive,
      announceStore: environment.announceStore,
      access: environment.access,
      commit: environment.commit,
      translations: environment.translations,
    },
    support: environment.support as WebAssembly.ModuleImports,
  }).exports;

/** Generates, compiles and instantiates an interpreter. Cost: some 50 ms. */
export const buildInterpreter = (
  shape: InterpreterShape,
  handlers: HandlerTable,
  environment: InterpreterEnvironment,
): InterpreterFunction => {
  const called = shape.counts ? [DELIVER_PAGE_FAULT] : SUPPORT_OF[PART.common];
  const { module, imports, places } = openModule(shape, environment, called);
  const parameters = [TYPE.i32, TYPE.i32, TYPE.i32];
  const emitMisses = (): MissFunctions => {
    const miss = module.function(translationParameters(shape), [TYPE.i32]);
    emitMissFunction(miss, { ...environment, tlb: places.tlb }, imports);
    const uncached = module.function(PART_PARAMETERS, PART_RESULTS);
    emitUncachedPart(uncached, shape, handlers, places);
    return { miss: miss.index, uncached: uncached.index };
  };
  const body = module.function(parameters, [TYPE.i32], "interpret");
  emitInterpreter(body, shape, handlers, places, shape.careful ? null : emitMisses());
  if (shape.counts) {
    emitDispatcher(module.function(parameters, [TYPE.i32], "dispatch"), shape.wide, places, {
      interpret: body.index,
      translationType: module.type(TRANSLATION_PARAMETERS, [TYPE.i32]),
    });
  }
  const exports = instantiate(module, environment);
  return exports[shape.counts ? "dispatch" : "interpret"] as InterpreterFunction;
};

/** Generates another part of an interpreter, and puts it where the common one calls it. */
export const buildPart = (
  shape: InterpreterShape,
  handlers: HandlerTable,
  environment: InterpreterEnvironment,
  part: Part,
): void => {
  const { module, places } = openModule(shape, environment, SUPPORT_OF[part]);
  const body = module.function(PART_PARAMETERS, PART_RESULTS, "part");
  emitPart(body, shape, handlers, places, part);
  environment.translations.set(partSlot(shape, part), instantiate(module, environment)["part"]);
};
