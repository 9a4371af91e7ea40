import type { TraceEventDefinition } from "@xenolith/trace";

/** What the console back end writes to the trace. */
export const TRACE: Readonly<Record<"output" | "input" | "violation", TraceEventDefinition>> = {
  output: { name: "consoleback.output", fields: ["domid", "bytes"] },
  input: { name: "consoleback.input", fields: ["domid", "bytes"] },
  violation: { name: "consoleback.violation", fields: ["domid"] },
};
