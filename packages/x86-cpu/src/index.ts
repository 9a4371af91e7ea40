export { PROCESSOR_MODELS } from "./model/models.ts";
export { answerCpuid, type CpuidAnswer, I686_MODEL, type ProcessorModel } from "./model/processor-model.ts";
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
