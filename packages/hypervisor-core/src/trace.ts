import type { TraceEventDefinition } from "@xenolith/trace";

const event = (name: string, ...fields: string[]): TraceEventDefinition => ({
  name: `hypervisor-core.${name}`,
  fields,
});

type TraceName =
  | "create"
  | "destroyed"
  | "shutdown"
  | "schedule"
  | "idle"
  | "wake"
  | "sleep"
  | "hypercall"
  | "fault"
  | "upcall"
  | "emulate"
  | "timer";

/** What the hypervisor writes to the trace. */
export const HYPERVISOR_TRACE: Readonly<Record<TraceName, TraceEventDefinition>> = {
  /** A domain's record was made. */
  create: event("create", "domid", "vcpus", "maximumPages"),
  /** Its last resource was given back. */
  destroyed: event("destroyed", "domid"),
  /** A domain stopped; the reason is SHUTDOWN_*. */
  shutdown: event("shutdown", "domid", "reason"),
  /** A VCPU begins to run, for at most so long. */
  schedule: event("schedule", "domid", "vcpu", "sliceNs"),
  /** Nothing can run until a point in time (Infinity: until something comes from outside). */
  idle: event("idle", "untilNs"),
  wake: event("wake", "domid", "vcpu"),
  sleep: event("sleep", "domid", "vcpu"),
  /** A hypercall was made; recorded after it, with its result (a negative errno, or the low 53 bits). */
  hypercall: event("hypercall", "domid", "vcpu", "number", "result"),
  /** A fault of the guest is delivered to it; `address` is CR2 of a page fault. */
  fault: event("fault", "domid", "vcpu", "vector", "address"),
  /** The guest is called because of events. */
  upcall: event("upcall", "domid", "vcpu"),
  /** An instruction was emulated; `instruction` is its address. */
  emulate: event("emulate", "domid", "vcpu", "instruction"),
  /** A timer of a VCPU fired: 0 periodic, 1 one-shot, 2 end of a poll, 3 virtual-time alarm. */
  timer: event("timer", "domid", "vcpu", "kind"),
};
