import type { TraceEventDefinition } from "@xenolith/trace";

/** What BVT writes to the trace. Virtual times are in mcu at the default weight, rounded. */
export const TRACE: Readonly<Record<"choose" | "wake", TraceEventDefinition>> = {
  choose: { name: "bvt-scheduler.choose", fields: ["vcpu", "evtMcu", "svtMcu", "sliceNs"] },
  wake: { name: "bvt-scheduler.wake", fields: ["vcpu", "avtMcu", "svtMcu", "warped"] },
};
