import type { TraceEventDefinition } from "@xenolith/trace";

/** What event channels write to the trace. */
export const EVENT_CHANNEL_TRACE: Readonly<
  Record<"send" | "pending" | "virq" | "connect" | "close", TraceEventDefinition>
> = {
  /** A domain sent an event on a port of its own. */
  send: { name: "event-channels.send", fields: ["domid", "port"] },
  /** A port became pending. `news`: it was not pending before. */
  pending: { name: "event-channels.pending", fields: ["domid", "port", "vcpu", "news"] },
  /** A virtual interrupt was raised. */
  virq: { name: "event-channels.virq", fields: ["domid", "vcpu", "virq"] },
  /** Two ports were connected. */
  connect: { name: "event-channels.connect", fields: ["domid", "port", "remote domid", "remote port"] },
  /** A port was closed. */
  close: { name: "event-channels.close", fields: ["domid", "port"] },
};
