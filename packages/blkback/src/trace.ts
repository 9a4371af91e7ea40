import type { TraceEventDefinition } from "@xenolith/trace";

/** What blkback writes to the trace. `device` is the virtual device's number. */
export const BLKBACK_TRACE: Readonly<
  Record<"connect" | "disconnect" | "request" | "response" | "violation", TraceEventDefinition>
> = {
  /** A front end has connected with a ring of so many slots. */
  connect: { name: "blkback.connect", fields: ["domid", "device", "slots"] },
  disconnect: { name: "blkback.disconnect", fields: ["domid", "device", "unanswered"] },
  /** A request was taken from the ring. `operation` is BLKIF_OP_*; bytes and sector are 0 when it was refused. */
  request: { name: "blkback.request", fields: ["device", "operation", "sector512", "lengthBytes"] },
  /** A response was put on the ring. `status` is BLKIF_RSP_*. */
  response: { name: "blkback.response", fields: ["domid", "device", "operation", "status"] },
  /** The ring's indices were impossible. */
  violation: { name: "blkback.violation", fields: ["domid", "device"] },
};
