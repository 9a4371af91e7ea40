import { readFileSync } from "node:fs";
import { HostError } from "@xenolith/machine-interface";
import { SHARED_RING } from "@xenolith/xen-abi/io/ring";
import { describe, expect, it } from "vitest";
import { createBackRing, createFrontRing, RING_VIOLATION, SLOT_NONE, SLOT_TAKEN } from "../../src/index.ts";
import { makeSharedMemory } from "../shared-memory.ts";

/** What Xen's macros did, compiled from the headers: see fixtures/generate-ring-trace.mjs. */
interface Trace {
  readonly pages: number;
  readonly slotBytes: number;
  readonly responseBytes: number;
  readonly startIndex: number;
  readonly slotCount: number;
  /** Operation, its value, its result, checksum of the shared memory afterwards. */
  readonly steps: readonly (readonly [number, number, number, number])[];
}
const traces: readonly Trace[] = JSON.parse(
  readFileSync(new URL("../fixtures/xen-ring-trace.json", import.meta.url), "utf8"),
);

const checksum = (bytes: Uint8Array): number => {
  let hash = 2166136261;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 16777619);
  return hash >>> 0;
};

describe("slot ring against Xen's macros", () => {
  it.each(traces)("$pages pages, slots of $slotBytes, from index $startIndex", (trace) => {
    const page = makeSharedMemory(trace.pages * 4096);
    const place = { page, ringBytes: page.bytes.length, slotBytes: trace.slotBytes };
    const front = createFrontRing({ ...place, startIndex: trace.startIndex });
    const back = createBackRing(place);
    expect(front.slotCount).toBe(trace.slotCount);
    expect(back.slotCount).toBe(trace.slotCount);

    const request = new Uint8Array(trace.slotBytes);
    const response = new Uint8Array(trace.responseBytes);
    const lastByte = (taken: number, bytes: Uint8Array): number =>
      taken === SLOT_TAKEN ? 1000 + (bytes.at(-1) ?? 0) : taken;
    const operations: ((value: number) => number)[] = [
      (value) => Number(front.putRequest(request.fill(value))),
      () => Number(front.pushRequests()),
      () => lastByte(front.takeResponse(response), response),
      () => Number(front.finalCheck()),
      () => lastByte(back.takeRequest(request), request),
      () => Number(back.finalCheck()),
      (value) => Number(back.putResponse(response.fill(value))),
      () => Number(back.pushResponses()),
    ];
    for (const [step, [operation, value, result, memory]] of trace.steps.entries()) {
      expect([step, operations[operation]?.(value), checksum(page.bytes)]).toEqual([step, result, memory]);
    }
  });
});

describe("slot ring", () => {
  const make = (): {
    page: ReturnType<typeof makeSharedMemory>;
    front: ReturnType<typeof createFrontRing>;
    back: ReturnType<typeof createBackRing>;
  } => {
    const page = makeSharedMemory(4096);
    const place = { page, ringBytes: 4096, slotBytes: 112 };
    return { page, front: createFrontRing(place), back: createBackRing(place) };
  };
  const slot = new Uint8Array(112);

  it("notifies once per batch while the other end sleeps, and not while it works", () => {
    const { front, back } = make();
    front.putRequest(slot);
    front.putRequest(slot);
    expect(front.pushRequests()).toBe(true);
    expect(back.takeRequest(slot)).toBe(SLOT_TAKEN);
    front.putRequest(slot);
    expect(front.pushRequests()).toBe(false);
    while (back.takeRequest(slot) === SLOT_TAKEN);
    expect(back.finalCheck()).toBe(false);
    front.putRequest(slot);
    expect(front.pushRequests()).toBe(true);
  });

  it("finds in the final check what came before the event was asked for", () => {
    const { front, back } = make();
    expect(back.takeRequest(slot)).toBe(SLOT_NONE);
    front.putRequest(slot);
    front.pushRequests();
    expect(back.finalCheck()).toBe(true);
  });

  it("takes over a ring whose requests have all been answered", () => {
    const { page, front, back } = make();
    front.putRequest(slot);
    front.pushRequests();
    back.takeRequest(slot);
    back.putResponse(slot);
    back.pushResponses();
    const successor = createBackRing({ page, ringBytes: 4096, slotBytes: 112 });
    expect(successor.takeRequest(slot)).toBe(SLOT_NONE);
    front.putRequest(slot.fill(7));
    front.pushRequests();
    expect(successor.takeRequest(slot.fill(0))).toBe(SLOT_TAKEN);
    expect(slot[0]).toBe(7);
  });

  it("refuses a request too many and a response that nobody asked for", () => {
    const { page, front, back } = make();
    for (let index = 0; index < front.slotCount; index++) expect(front.putRequest(slot)).toBe(true);
    const before = page.bytes.slice();
    expect(front.putRequest(slot.fill(9))).toBe(false);
    expect(back.putResponse(slot)).toBe(false);
    expect(page.bytes).toEqual(before);
  });

  it("tells a producer that runs ahead from one that runs back", () => {
    const { page, front, back } = make();
    page.writeUint32(SHARED_RING.reqProd, back.slotCount + 1);
    expect(back.takeRequest(slot)).toBe(RING_VIOLATION);
    page.writeUint32(SHARED_RING.reqProd, 2);
    back.takeRequest(slot);
    back.takeRequest(slot);
    page.writeUint32(SHARED_RING.reqProd, 1);
    expect(back.takeRequest(slot)).toBe(RING_VIOLATION);
    page.writeUint32(SHARED_RING.rspProd, 1);
    expect(front.takeResponse(slot)).toBe(RING_VIOLATION);
  });
});

describe("a ring that cannot be", () => {
  it("without room for a slot is the host's mistake", () => {
    const page = makeSharedMemory(4096);
    const place = { page, ringBytes: 4096, slotBytes: 5000 };
    expect(() => createFrontRing(place)).toThrow(HostError);
    expect(() => createBackRing(place)).toThrow(HostError);
  });
});
