import type { Scheduler } from "@xenolith/scheduler-interface";
import { SCHEDULER_LAWS } from "@xenolith/scheduler-interface/testing";
import { describe, expect, it } from "vitest";
import { createTurns } from "../turns.ts";

/** A small repeatable source of random numbers. */
const randomFrom = (seed: number) => {
  let state = seed;
  return (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
};

const lawNamed = (name: string) => {
  const law = SCHEDULER_LAWS.find((one) => one.name.startsWith(name));
  if (law === undefined) throw new Error(`no law ${name}`);
  return law;
};

const broken = (change: (good: Scheduler) => Partial<Scheduler>) => (): Scheduler => {
  const good = createTurns();
  return { ...good, ...change(good) };
};

describe("the laws of schedulers", () => {
  it.each(SCHEDULER_LAWS)("hold for taking turns: $name", (law) => {
    for (let seed = 1; seed <= 10; seed++) expect(law.check(createTurns, randomFrom(seed))).toBeNull();
  });

  it.each([
    ["runs somebody", broken(() => ({ choose: () => ({ vcpu: null, sliceNs: 1_000_000 }) }))],
    ["chooses only", broken((good) => ({ sleep: (vcpu) => void good.report(vcpu) }))],
    ["lets everybody", broken((good) => ({ choose: (now) => good.choose(now, 0) }))],
    [
      "gives slices",
      broken((good) => ({ choose: (now, ran) => ({ ...good.choose(now, ran), sliceNs: 0 }) })),
    ],
    ["has the parameters", broken(() => ({ parametersOf: () => ({ turnNs: 7 }) }))],
    ["throws on", broken(() => ({ wake: () => 0 }))],
    [
      "decides alike",
      broken((good) => ({
        choose: (now, ran) => ({ ...good.choose(now, ran), sliceNs: 1e6 + Math.floor(Math.random() * 1e6) }),
      })),
    ],
  ] as const)("find out who breaks them: %s", (name, create) => {
    const law = lawNamed(name);
    const found = [1, 2, 3, 4, 5].map((seed) => law.check(create, randomFrom(seed)));
    expect(found.some((problem) => problem !== null)).toBe(true);
  });
});
