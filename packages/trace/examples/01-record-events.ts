import { createTraceRecorder, type TraceEventDefinition } from "@xenolith/trace";

// A part declares its events once and gives them numbers in the sink it was made with.
const SEND: TraceEventDefinition = { name: "example.send", fields: ["domid", "port"] };
let nowNs = 0;
const trace = createTraceRecorder(2, () => nowNs);
const send = trace.define(SEND);

// Off: one branch. On: the last two records are kept.
trace.setOn(true);
for (const port of [1, 2, 3]) {
  nowNs += 1000;
  if (trace.on) trace.record(send, 0, port);
}
for (const { timeNs, event, values } of trace.records()) console.log(timeNs, event.name, ...values);
console.log(`${trace.dropped} dropped`);
