export { createTraceReader, type TraceReader } from "./reader.ts";
export type { TracedInstruction, TraceProblem, TraceRecord } from "./types.ts";
export { createTraceWriter, type TraceWriter } from "./writer.ts";
