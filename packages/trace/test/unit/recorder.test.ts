import { describe, expect, it } from "vitest";
import { createTraceRecorder, silentTrace } from "../../src/index.ts";

const EVENT = { name: "test.event", fields: ["a", "b"] };

describe("trace recorder", () => {
  it("keeps the last records in order and counts what it has overwritten", () => {
    let now = 0;
    const trace = createTraceRecorder(3, () => now);
    const id = trace.define(EVENT);
    trace.setOn(true);
    for (now = 1; now <= 5; now++) trace.record(id, now * 10, now);
    expect(trace.records().map((record) => [record.timeNs, ...record.values])).toEqual([
      [3, 30, 3],
      [4, 40, 4],
      [5, 50, 5],
    ]);
    expect(trace.dropped).toBe(2);
  });

  it("records nothing while it is off", () => {
    const trace = createTraceRecorder(3, () => 0);
    trace.record(trace.define(EVENT), 1, 2);
    expect(trace.records()).toEqual([]);
  });

  it("gives one number to one event, however often it is defined", () => {
    const trace = createTraceRecorder(1, () => 0);
    const first = trace.define(EVENT);
    expect(trace.define({ name: "test.other", fields: [] })).not.toBe(first);
    expect(trace.define({ ...EVENT })).toBe(first);
  });

  it("keeps numbers up to 2^53 exactly", () => {
    const trace = createTraceRecorder(1, () => 0);
    trace.setOn(true);
    trace.record(trace.define(EVENT), Number.MAX_SAFE_INTEGER, -1);
    expect(trace.records()[0]?.values).toEqual([Number.MAX_SAFE_INTEGER, -1]);
  });
});

describe("silent trace", () => {
  it("is off and takes everything", () => {
    expect(silentTrace.on).toBe(false);
    silentTrace.record(silentTrace.define(EVENT), 1);
  });
});
