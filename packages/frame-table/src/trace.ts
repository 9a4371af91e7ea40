import type { TraceEventDefinition } from "@xenolith/trace";

/** What the frame table writes to the trace. */
export const FRAME_TABLE_TRACE: Readonly<Record<"owner" | "type", TraceEventDefinition>> = {
  /** A frame got another owner; DOMID_INVALID stands for a free frame. */
  owner: { name: "frame-table.owner", fields: ["mfn", "owner"] },
  /** A frame changed its type: `FRAME_TYPE` numbers. */
  type: { name: "frame-table.type", fields: ["mfn", "owner", "from", "to"] },
};
