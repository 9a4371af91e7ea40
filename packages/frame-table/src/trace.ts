import type { TraceEventDefinition } from "@xenolith/trace";

/** A frame got another owner. DOMID_INVALID stands for a free frame. */
export const FRAME_OWNER: TraceEventDefinition = { name: "frame-table.owner", fields: ["mfn", "owner"] };

/** A frame changed its type: FRAME_TYPE numbers. */
export const FRAME_TYPE_CHANGE: TraceEventDefinition = {
  name: "frame-table.type",
  fields: ["mfn", "owner", "from", "to"],
};

/** The catalogue of this package. */
export const FRAME_TABLE_EVENTS: readonly TraceEventDefinition[] = [FRAME_OWNER, FRAME_TYPE_CHANGE];
