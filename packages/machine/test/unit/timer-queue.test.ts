import { HostError, toNanoseconds } from "@xenolith/machine-interface";
import { TIMER_QUEUE_LAWS } from "@xenolith/machine-interface/testing";
import { describe, expect, it } from "vitest";
import { createTimerQueue } from "../../src/index.ts";

describe("createTimerQueue", () => {
  it.each(TIMER_QUEUE_LAWS)("$name", ({ check }) => check(createTimerQueue()));

  it("refuses a deadline that is not a number", () => {
    expect(() => createTimerQueue().at(toNanoseconds(Number.NaN), () => {})).toThrow(HostError);
  });
});
