import { describe, expect, test } from "vitest";
import { FAULTED } from "../../src/attacker/layout.ts";
import { SUCCESS } from "../../src/calls/call.ts";
import { FAULT_OUTCOME, outcomeOf, valueOutcome } from "../../src/calls/outcome.ts";

describe("what a result says", () => {
  test("a small negative number is an errno", () => {
    expect([0, 5, 0xffff_f000, 0xffff_ffff, 0xffff_ffed].map(outcomeOf)).toEqual([
      ...[SUCCESS, SUCCESS, SUCCESS, "EPERM", "ENODEV"],
    ]);
  });

  test("a value may look like one that the call cannot give", () => {
    const outcome = valueOutcome("ENODEV");
    expect([0xffff_ffff, 0xffff_fffc, 0xffff_ffed, FAULTED].map(outcome)).toEqual([
      ...[SUCCESS, SUCCESS, "ENODEV", FAULT_OUTCOME],
    ]);
  });
});
