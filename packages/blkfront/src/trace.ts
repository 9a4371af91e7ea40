import type { TraceEventDefinition } from "@xenolith/trace";

/** What blkfront writes to the trace. */
export const BLKFRONT_TRACE: Readonly<
  Record<"connect" | "disconnect" | "request" | "response", TraceEventDefinition>
> = {
  /** The back end has connected. */
  connect: { name: "blkfront.connect", fields: ["backendDomid", "sectors"] },
  disconnect: { name: "blkfront.disconnect", fields: ["backendDomid", "outstanding"] },
  /** A request was put on the ring. `operation` is BLKIF_OP_*. */
  request: { name: "blkfront.request", fields: ["id", "operation", "sector512", "lengthBytes"] },
  /** A response was taken from the ring. `status` is 0 for success. */
  response: { name: "blkfront.response", fields: ["id", "operation", "status"] },
};
