export { createInstrumentedProcessor } from "./instrumentation/instrumented.ts";
export {
  type AccessEvent,
  type AddressRange,
  type CodeEvent,
  EVERYWHERE,
  type Hook,
  type InstructionEvent,
  type InstrumentedVcpu,
  type ReadEvent,
  type RegisterChange,
  type StopReason,
} from "./instrumentation/types.ts";
export { I686_MODEL, MAX_MODEL, PROCESSOR_MODELS, X86_64_MODEL, X86_64_V2_MODEL } from "./model/models.ts";
export { answerCpuid, type CpuidAnswer, type ProcessorModel } from "./model/processor-model.ts";
export {
  type BareProcessorOptions,
  createBareProcessor,
  type InterruptLine,
  type MsrHandlers,
  type PortHandlers,
} from "./processor/bare.ts";
export type { BareVcpu } from "./processor/bare-processor.ts";
export type { EngineChoice, EngineTuning } from "./processor/engine-choice.ts";
export { createMonitoredProcessor, type MonitoredProcessorOptions } from "./processor/monitored.ts";
export type { CodeRange } from "./translator/code-range.ts";
export type { TranslatedRegion } from "./translator/translation.ts";
export type { ArchivedModule, TranslationArchive } from "./translator/translation-archive.ts";
