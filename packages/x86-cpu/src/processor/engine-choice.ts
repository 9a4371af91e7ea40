import type { EngineOptions } from "../engine/engine.ts";
import type { ProcessorModel } from "../model/processor-model.ts";
import type { TranslationArchive } from "../translator/translation-archive.ts";

/** `auto`: hot code is translated to WebAssembly. `interpreter`: none is. What code does is the same in either. */
export type EngineChoice = "auto" | "interpreter";

/** How a processor runs code. Nothing of it changes what code does. */
export interface EngineTuning {
  /** Default `auto`. */
  readonly engine?: EngineChoice;
  /** Bytes of memory's reserve for decoded code. Default 16 MiB; when it is used up, all is decoded anew. */
  readonly recordBytes?: number;
  /** How often a loop is interpreted before it is translated; other code, 4 times as often. Default 1000; 0: at once. */
  readonly translateAfter?: number;
  /** Estimated memory that translations may take, in bytes. Default 256 MiB; when it is used up, all are made anew. */
  readonly translationBytes?: number;
  /** Where translations are kept for other processors, and found that they have made. Default: nowhere. */
  readonly translationArchive?: TranslationArchive;
}

/** The options of an engine. */
export const engineOptions = (
  {
    memory,
    translator,
    model,
    system,
  }: {
    readonly memory: EngineOptions["machine"];
    readonly translator: EngineOptions["translator"];
    readonly model: ProcessorModel;
    readonly system: EngineOptions["system"];
  },
  { engine = "auto", recordBytes, translateAfter, translationBytes, translationArchive }: EngineTuning,
): EngineOptions => ({
  machine: memory,
  translator,
  features: model.features,
  system,
  translates: engine === "auto",
  ...(recordBytes === undefined ? {} : { recordBytes }),
  ...(translateAfter === undefined ? {} : { translateAfter }),
  ...(translationBytes === undefined ? {} : { translationBytes }),
  ...(translationArchive === undefined ? {} : { translationArchive }),
});
