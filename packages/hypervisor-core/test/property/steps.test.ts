import { toNanoseconds } from "@xenolith/machine-interface";
import fc from "fast-check";
import { expect, it } from "vitest";
import { createHypervisorFixture } from "../support/hypervisor-fixture.ts";

const END_NS = 3_000;

/** Runs two guests and some timers to a fixed end, and gives all that the scheduler was told. */
const trail = (deadlines: readonly number[], cuts: readonly number[]): readonly string[] => {
  const { hypervisor, addGuest, clock, timers, scheduler } = createHypervisorFixture();
  const guests = [addGuest(), addGuest()];
  const fired: string[] = [];
  for (const deadline of deadlines)
    timers.at(toNanoseconds(deadline), (now) => fired.push(`timer at ${now}`));
  for (let step = 0; clock.now() < END_NS; step++)
    hypervisor.step({ workNs: cuts[step % cuts.length] ?? END_NS, untilNs: END_NS });
  const times = guests.map(({ id }) => {
    const end = hypervisor.control.describe(id);
    return `${end?.instructions} instructions in ${end?.cpuNs} ns`;
  });
  return [...scheduler.log, ...fired, ...times];
};

it("what happens does not depend on how the processor's work is cut into steps", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: END_NS }), { maxLength: 5 }),
      fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 1, maxLength: 6 }),
      (deadlines, cuts) => {
        expect(trail(deadlines, cuts)).toEqual(trail(deadlines, [END_NS]));
      },
    ),
    { numRuns: 30 },
  );
});
