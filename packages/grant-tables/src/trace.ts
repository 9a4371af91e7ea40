import type { TraceEventDefinition } from "@xenolith/trace";

/** What grant tables write to the trace. */
export const GRANT_TABLE_TRACE: Readonly<Record<"map" | "unmap" | "copy", TraceEventDefinition>> = {
  /** A grant was asked for. */
  map: { name: "grant-tables.map", fields: ["domid", "granter", "ref", "status"] },
  /** A mapping was given back, wholly or in part. */
  unmap: { name: "grant-tables.unmap", fields: ["domid", "granter", "ref", "status"] },
  /** Bytes were copied by way of a grant. */
  copy: { name: "grant-tables.copy", fields: ["domid", "bytes", "status"] },
};
