import { I686_MODEL, type ProcessorModel } from "./processor-model.ts";

/** Every preset, by its name. */
export const PROCESSOR_MODELS: ReadonlyMap<string, ProcessorModel> = new Map(
  [I686_MODEL].map((model) => [model.name, model]),
);
