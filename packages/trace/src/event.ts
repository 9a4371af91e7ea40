/**
 * A kind of event that a package writes to the trace. Packages declare theirs in `src/trace.ts` as constants and
 * number them in a sink with `define`;
 * the host joins the catalogues.
 */
export interface TraceEventDefinition {
  /** Unique name, `package.event`, for instance `event-channels.send`. */
  readonly name: string;
  /** Names of the values a, b, c, d in order, with units: `["domid", "port"]`. At most four. */
  readonly fields: readonly string[];
}

/** Number of an event in a sink's catalogue. */
export type TraceEventId = number;

/** Where packages write what they do. Switched off it costs one branch: callers test {@link on} first. */
export interface TraceSink {
  /** Whether anybody listens. May change at any time. */
  readonly on: boolean;
  /** Gives an event its number in this sink's catalogue. Done once, at construction of the part that will record it. */
  define(event: TraceEventDefinition): TraceEventId;
  /** Records an event at the present virtual time. Values are exact integers up to 2^53. */
  record(id: TraceEventId, a?: number, b?: number, c?: number, d?: number): void;
}

/** A sink that never listens: the default where no trace is wanted. */
export const silentTrace: TraceSink = {
  on: false,
  define: () => 0,
  record: () => {},
};
