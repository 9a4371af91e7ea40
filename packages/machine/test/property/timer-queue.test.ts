import { type Timer, toNanoseconds } from "@xenolith/machine-interface";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createTimerQueue } from "../../src/index.ts";

/** Arms a timer, cancels the n-th armed so far, or lets time pass. */
const step = fc.oneof(
  fc.record({ do: fc.constant("arm" as const), value: fc.nat(50) }),
  fc.record({ do: fc.constant("cancel" as const), value: fc.nat(100) }),
  fc.record({ do: fc.constant("run" as const), value: fc.nat(10) }),
);

describe("timer queue", () => {
  it("behaves like a list that is searched for its earliest entry", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const queue = createTimerQueue();
        const timers: Timer[] = [];
        let model: { id: number; deadline: number }[] = [];
        const fired: number[] = [];
        const expected: number[] = [];
        let now = 0;
        for (const { do: action, value } of steps) {
          if (action === "arm") {
            const id = timers.length;
            timers.push(queue.at(toNanoseconds(now + value), () => fired.push(id)));
            model.push({ id, deadline: now + value });
          } else if (action === "cancel") {
            timers[value]?.cancel();
            model = model.filter(({ id }) => id !== value);
          } else {
            now += value;
            queue.runDue(toNanoseconds(now));
            const due = model.filter(({ deadline }) => deadline <= now);
            due.sort((a, b) => a.deadline - b.deadline || a.id - b.id);
            expected.push(...due.map(({ id }) => id));
            model = model.filter(({ deadline }) => deadline > now);
          }
          const earliest = model.length === 0 ? null : Math.min(...model.map(({ deadline }) => deadline));
          expect(queue.next()).toBe(earliest);
        }
        expect(fired).toEqual(expected);
      }),
    );
  });
});
