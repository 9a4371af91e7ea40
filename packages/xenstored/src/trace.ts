import type { TraceEventDefinition } from "@xenolith/trace";

/** What xenstored writes to the trace. */
export const XENSTORED_TRACE: Readonly<Record<"request" | "change" | "violation", TraceEventDefinition>> = {
  /** A request was answered. `error` is the index in XSD_ERRORS plus one, or 0. */
  request: { name: "xenstored.request", fields: ["domid", "type", "payloadBytes", "error"] },
  /** A change was announced to so many watches. */
  change: { name: "xenstored.change", fields: ["watches"] },
  /** A domain's connection was given up because of what it sent. `error` is XENSTORE_ERROR_*. */
  violation: { name: "xenstored.violation", fields: ["domid", "error"] },
};
