import { describe, expect, it } from "vitest";
import type { InstructionEvent } from "../../../src/index.ts";
import { createTraceReader, createTraceWriter, type TraceRecord } from "../../../src/trace/index.ts";
import { createInstrumentedBench } from "../../support/instrumented-bench.ts";

describe("the trace of a run", () => {
  it("tells what the run told, in a few bytes per instruction", () => {
    const { vcpu, load } = createInstrumentedBench();
    // mov ecx, 500; l: add [0x8000], ecx; mov eax, [0x8000]; push eax; pop edx; loop l; hlt
    load("b9f4010000 010d00800000 a100800000 50 5a e2f1 f4");
    const chunks: Uint8Array[] = [];
    const told: InstructionEvent[] = [];
    const writer = createTraceWriter((chunk) => chunks.push(chunk));
    vcpu.onInstruction(writer.add);
    vcpu.onInstruction((event) => told.push(event));
    const { retired } = vcpu.run(100_000);
    writer.end();
    const records: TraceRecord[] = [];
    const reader = createTraceReader((record) => records.push(record));
    for (const chunk of chunks) expect(reader.push(chunk)).toBeNull();
    expect(reader.finish()).toBeNull();
    expect(records).toHaveLength(retired);
    const essence = (one: Pick<TraceRecord, "address" | "text" | "accesses" | "changes">): string =>
      [
        one.address,
        one.text,
        ...one.accesses.map(({ kind, address, value }) => `${kind} ${address} ${value}`),
        ...one.changes.map(({ name, after }) => `${name}=${after}`),
      ].join(" ");
    expect(records.map(essence)).toEqual(told.map(essence));
    const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    expect(bytes / retired).toBeLessThan(12);
  });
});
