export { silentTrace, type TraceEventDefinition, type TraceEventId, type TraceSink } from "./event.ts";
export { createTraceRecorder, type TraceRecord, type TraceRecorder } from "./recorder.ts";
