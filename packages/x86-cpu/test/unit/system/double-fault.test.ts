import { packFault, SEGMENT, SYSTEM_TYPE, VECTOR } from "@xenolith/x86-architecture";
import { describe, expect, it } from "vitest";
import { OUTCOME } from "../../../src/engine/system-operations.ts";
import { raiseException, raiseInterrupt } from "../../../src/system/exception-delivery.ts";
import { createSystemBench, KIND, PLACE, SELECTOR, type SystemBench } from "../../support/system-bench.ts";

const { interruptGate } = SYSTEM_TYPE;
const HANDLER = 0x3000;

/** What the delivery of the first exception meets. */
type Second = "nothing" | "not present" | "page fault";

/** Every exception has a handler at `HANDLER` + 16 * vector, but the gate of `first` leads to something else. */
const setUp = (first: number, second: Second): SystemBench => {
  const bench = createSystemBench();
  for (let vector = 0; vector < 32; vector++) {
    bench.gate({ vector }, interruptGate, 0, [SELECTOR.code[0], HANDLER + 16 * vector]);
  }
  if (second === "page fault") {
    // Its code segment is in the local table, which is not there.
    bench.state.setSegment(SEGMENT.ldtr, {
      selector: SELECTOR.ldt,
      base: PLACE.ldt,
      limit: 0xfff,
      attributes: KIND.ldt,
    });
    bench.missing.add(PLACE.ldt >> 12);
    bench.gate({ vector: first }, interruptGate, 0, [0x0c, 0]);
  }
  if (second === "not present") bench.view.setUint8(PLACE.idt + 8 * first + 5, 0x0e);
  return bench;
};

/** Vector of the handler that runs in the end, or -1 after a shutdown. */
const handled = (bench: SystemBench, outcome: number): number =>
  outcome === OUTCOME.shutdown ? -1 : (bench.state.instructionPointer - HANDLER) / 16;

const raise = (first: number, second: Second): number => {
  const bench = setUp(first, second);
  return handled(bench, raiseException(bench.core, packFault(first, 0)));
};

const CONTRIBUTORY = [
  VECTOR.divideError,
  VECTOR.invalidTss,
  VECTOR.segmentNotPresent,
  VECTOR.stackFault,
  VECTOR.generalProtection,
];
const BENIGN = [
  VECTOR.debug,
  VECTOR.breakpoint,
  VECTOR.overflow,
  VECTOR.boundRange,
  VECTOR.invalidOpcode,
  VECTOR.deviceNotAvailable,
  VECTOR.x87Error,
  VECTOR.alignmentCheck,
  VECTOR.machineCheck,
  VECTOR.simdError,
];
const { doubleFault, pageFault, segmentNotPresent } = VECTOR;

describe("two exceptions at once", () => {
  it.each(CONTRIBUTORY)(
    "contributory %d, then a contributory one: double fault; a page fault: itself",
    (first) => {
      // Delivery of #NP itself meets #NP again; the double fault's gate is there.
      expect(raise(first, "not present")).toBe(doubleFault);
      expect(raise(first, "page fault")).toBe(pageFault);
    },
  );

  it.each(BENIGN)("benign %d, then any: the second", (first) => {
    expect(raise(first, "not present")).toBe(segmentNotPresent);
    expect(raise(first, "page fault")).toBe(pageFault);
  });

  it("a page fault, then a contributory one or another: double fault", () => {
    expect(raise(pageFault, "not present")).toBe(doubleFault);
    expect(raise(pageFault, "page fault")).toBe(doubleFault);
  });

  it("a double fault, then any of them: shutdown", () => {
    expect(raise(doubleFault, "not present")).toBe(-1);
    expect(raise(doubleFault, "page fault")).toBe(-1);
  });

  it("an interrupt from outside is benign, whatever its vector", () => {
    for (const vector of [VECTOR.nmi, VECTOR.generalProtection, doubleFault]) {
      const bench = setUp(vector, "not present");
      expect(handled(bench, raiseInterrupt(bench.core, vector))).toBe(segmentNotPresent);
    }
  });

  it("one that meets nothing is delivered", () => {
    for (let vector = 0; vector < 20; vector++) expect(raise(vector, "nothing")).toBe(vector);
  });
});
