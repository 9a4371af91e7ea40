export { I686_MODEL, MAX_MODEL, PROCESSOR_MODELS, X86_64_MODEL, X86_64_V2_MODEL } from "./model/models.ts";
export { answerCpuid, type CpuidAnswer, type ProcessorModel } from "./model/processor-model.ts";
export {
  type BareProcessorOptions,
  type BareVcpu,
  createBareProcessor,
  type InterruptLine,
  type MsrHandlers,
  type PortHandlers,
} from "./processor/bare.ts";
export type { EngineChoice, EngineTuning } from "./processor/engine-choice.ts";
export { createMonitoredProcessor, type MonitoredProcessorOptions } from "./processor/monitored.ts";
