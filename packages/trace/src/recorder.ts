import type { TraceEventDefinition, TraceEventId, TraceSink } from "./event.ts";

/** One recorded event. */
export interface TraceRecord {
  /** Virtual time in nanoseconds. */
  readonly timeNs: number;
  readonly event: TraceEventDefinition;
  /** Values in the order of the event's fields. */
  readonly values: readonly number[];
}

/** A sink that keeps the last records in a ring of fixed size. */
export interface TraceRecorder extends TraceSink {
  /** Switches recording on or off. */
  setOn(on: boolean): void;
  /** Records kept, oldest first. */
  records(): TraceRecord[];
  /** How many records were overwritten since the start. */
  readonly dropped: number;
  /** Events defined so far, by number. */
  readonly catalogue: readonly TraceEventDefinition[];
}

const VALUES_PER_RECORD = 6;

/** Makes a recorder that keeps the last `capacity` records. `nowNs` gives the virtual time of a record. */
export const createTraceRecorder = (capacity: number, nowNs: () => number): TraceRecorder => {
  const ring = new Float64Array(capacity * VALUES_PER_RECORD);
  const catalogue: TraceEventDefinition[] = [];
  let written = 0;

  const readRecord = (sequence: number): TraceRecord => {
    const at = (sequence % capacity) * VALUES_PER_RECORD;
    const event = catalogue[ring[at + 1] ?? 0] ?? { name: "unknown", fields: [] };
    return {
      timeNs: ring[at] ?? 0,
      event,
      values: Array.from(ring.subarray(at + 2, at + 2 + event.fields.length)),
    };
  };

  // Plain fields: with accessors in the literal every `on` that callers test would be a search by name.
  const recorder: TraceRecorder & { on: boolean; dropped: number } = {
    on: false,
    dropped: 0,
    catalogue,
    setOn(value) {
      recorder.on = value;
    },
    define(event) {
      const known = catalogue.findIndex((other) => other.name === event.name);
      if (known >= 0) return known;
      catalogue.push(event);
      return catalogue.length - 1;
    },
    record(id: TraceEventId, a = 0, b = 0, c = 0, d = 0) {
      if (!recorder.on) return;
      const at = (written % capacity) * VALUES_PER_RECORD;
      ring[at] = nowNs();
      ring[at + 1] = id;
      ring[at + 2] = a;
      ring[at + 3] = b;
      ring[at + 4] = c;
      ring[at + 5] = d;
      written++;
      if (written > capacity) recorder.dropped = written - capacity;
    },
    records() {
      const first = Math.max(0, written - capacity);
      return Array.from({ length: written - first }, (_, index) => readRecord(first + index));
    },
  };
  return recorder;
};
