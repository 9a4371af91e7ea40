import type { ParameterSpec, Scheduler, VcpuId } from "../scheduler.ts";
import { busy, periodic, type SimulatedVcpu, simulate } from "./simulate.ts";

/** Random numbers from 0 up to, not including, 1, repeatable by the caller's seed. */
export type Random = () => number;

/** Something that holds for every scheduler, whatever its policy. */
export interface SchedulerLaw {
  readonly name: string;
  /** @returns what is wrong, in words, or null. `create` makes a fresh scheduler with default options. */
  check(create: () => Scheduler, random: Random): string | null;
}

const MILLISECOND_NS = 1_000_000;

/** Shortest stretch of work or sleep in a random load: it bounds how many decisions a simulation takes. */
const SHORTEST_NS = 300_000;

const whole = (random: Random, minimum: number, maximum: number): number =>
  minimum + Math.floor(random() * (maximum - minimum + 1));

const pick = <Value>(random: Random, values: readonly Value[]): Value | undefined =>
  values[Math.floor(random() * values.length)];

/** A few VCPUs that never sleep and a few that do. */
const randomLoad = (random: Random): SimulatedVcpu[] => [
  ...Array.from({ length: whole(random, 0, 4) }, (_unused, id) => busy(id)),
  ...Array.from({ length: whole(random, 1, 4) }, (_unused, index) =>
    periodic(
      10 + index,
      whole(random, SHORTEST_NS, 20 * MILLISECOND_NS),
      whole(random, SHORTEST_NS, 50 * MILLISECOND_NS),
    ),
  ),
];

const conservesWork: SchedulerLaw = {
  name: "runs somebody whenever somebody can run",
  check: (create, random) => {
    const { wastedNs } = simulate(create(), randomLoad(random), 3000 * MILLISECOND_NS);
    return wastedNs === 0 ? null : `idle for ${wastedNs} ns with somebody runnable`;
  },
};

const runsTheRunnable: SchedulerLaw = {
  name: "chooses only VCPUs that are awake",
  check: (create, random) => {
    const scheduler = create();
    let awake: readonly VcpuId[] = [];
    let wrong: string | null = null;
    const watched: Scheduler = {
      ...scheduler,
      choose(now, ranNs) {
        const decision = scheduler.choose(now, ranNs);
        if (decision.vcpu !== null && !awake.includes(decision.vcpu))
          wrong ??= `at ${now} ns VCPU ${decision.vcpu} is asleep`;
        return decision;
      },
    };
    simulate(watched, randomLoad(random), 1000 * MILLISECOND_NS, (_now, runnable) => {
      awake = runnable;
    });
    return wrong;
  },
};

const starvesNobody: SchedulerLaw = {
  name: "lets everybody with default parameters run within some seconds",
  check: (create, random) => {
    const load = [...randomLoad(random), ...[20, 21, 22].map((id) => busy(id))];
    const { ranNs } = simulate(create(), load, 5000 * MILLISECOND_NS);
    const starved = load.find(({ id }) => (ranNs.get(id) ?? 0) === 0);
    return starved === undefined ? null : `VCPU ${starved.id} never ran`;
  },
};

const randomValue = (random: Random, spec: ParameterSpec): number | boolean =>
  spec.kind === "boolean"
    ? random() < 0.5
    : whole(random, spec.minimum ?? 0, spec.maximum ?? Number.MAX_SAFE_INTEGER);

/** Calls operations at random, as a caller may that keeps its duties, and judges every answer. */
const answersWithinBounds: SchedulerLaw = {
  name: "gives slices above 0 and reconsiders no earlier than now, whatever is called in whatever order",
  check: (create, random) => {
    const scheduler = create();
    const asleep = new Set<VcpuId>();
    const awake = new Set<VcpuId>();
    /** Those that may be kept waiting while the processor is idle. */
    const heldBack = new Set<VcpuId>();
    let now = 0;
    let running: VcpuId | null = null;
    for (let turn = 0; turn < 300; turn++) {
      const passedNs = whole(random, 0, 30 * MILLISECOND_NS);
      now += passedNs;
      const sleeper = pick(random, [...asleep]);
      const runner = pick(random, [...awake]);
      const anybody = pick(random, [...asleep, ...awake]);
      const what = random();
      if (what < 0.1 && !asleep.has(turn)) {
        scheduler.admit(turn, {});
        asleep.add(turn);
      } else if (what < 0.4 && sleeper !== undefined) {
        const at = scheduler.wake(sleeper, now);
        if (!(at >= now)) return `turn ${turn}: wake at ${now} answers ${at}`;
        asleep.delete(sleeper);
        awake.add(sleeper);
      } else if (what < 0.55 && runner !== undefined) {
        scheduler.sleep(runner, now);
        awake.delete(runner);
        asleep.add(runner);
      } else if (what < 0.6 && anybody !== undefined) {
        scheduler.remove(anybody);
        asleep.delete(anybody);
        awake.delete(anybody);
        if (running === anybody) running = null;
      } else if (what < 0.7 && anybody !== undefined) {
        const spec = pick(random, scheduler.parameters);
        if (spec === undefined) continue;
        const value = randomValue(random, spec);
        const refusal = scheduler.adjust(anybody, { [spec.name]: value });
        if (refusal !== null) return `turn ${turn}: ${spec.name} = ${value} is refused: ${refusal}`;
        if (spec.holdsBack === true) heldBack.add(anybody);
      }
      const { vcpu, sliceNs } = scheduler.choose(now, running === null ? 0 : passedNs);
      if (!(sliceNs > 0)) return `turn ${turn}: a slice of ${sliceNs} ns`;
      if (vcpu !== null && !awake.has(vcpu)) return `turn ${turn}: VCPU ${vcpu} is asleep or gone`;
      const ready = [...awake].some((one) => !heldBack.has(one));
      if (vcpu === null && ready) return `turn ${turn}: idle with somebody runnable`;
      running = vcpu;
    }
    return null;
  },
};

const outOfBounds = (spec: ParameterSpec): unknown[] =>
  spec.kind === "boolean"
    ? [1]
    : [
        Number.NaN,
        ...(spec.minimum === undefined ? [] : [spec.minimum - 1]),
        ...(spec.maximum === undefined ? [] : [spec.maximum + 1]),
      ];

const describesParameters: SchedulerLaw = {
  name: "has the parameters it describes, with their defaults and bounds",
  check: (create) => {
    const scheduler = create();
    scheduler.admit(1, {});
    const now = (): Readonly<Record<string, number | boolean>> => scheduler.parametersOf(1);
    for (const spec of scheduler.parameters) {
      if (now()[spec.name] !== spec.default) return `${spec.name}: ${now()[spec.name]} is not the default`;
      for (const value of outOfBounds(spec)) {
        const refusal = scheduler.adjust(1, { [spec.name]: value } as Record<string, number>);
        if (refusal === null || now()[spec.name] !== spec.default)
          return `${spec.name} takes ${String(value)}`;
      }
      for (const value of [spec.minimum, spec.maximum, spec.default]) {
        if (value === undefined) continue;
        const refusal = scheduler.adjust(1, { [spec.name]: value });
        if (refusal !== null || now()[spec.name] !== value) return `${spec.name} does not take ${value}`;
      }
    }
    return null;
  },
};

const throws = (action: () => unknown): boolean => {
  try {
    action();
    return false;
  } catch {
    return true;
  }
};

const refusesStrangers: SchedulerLaw = {
  name: "throws on a VCPU that was never admitted, or is admitted twice",
  check: (create) => {
    const scheduler = create();
    scheduler.admit(1, {});
    if (!throws(() => scheduler.admit(1, {}))) return "admits a VCPU twice";
    if (!throws(() => scheduler.wake(2, 0))) return "wakes a stranger";
    if (!throws(() => scheduler.sleep(2, 0))) return "puts a stranger to sleep";
    return throws(() => scheduler.report(2)) ? null : "reports on a stranger";
  },
};

const isRepeatable: SchedulerLaw = {
  name: "decides alike when it is asked alike",
  check: (create, random) => {
    const load = randomLoad(random);
    const [first, second] = [create(), create()].map((scheduler) =>
      JSON.stringify(simulate(scheduler, load, 1000 * MILLISECOND_NS).slices),
    );
    return first === second ? null : "two runs of one load differ";
  },
};

/** Laws of every scheduler. A policy's own (fairness, latency) are its package's to test. */
export const SCHEDULER_LAWS: readonly SchedulerLaw[] = [
  conservesWork,
  runsTheRunnable,
  starvesNobody,
  answersWithinBounds,
  describesParameters,
  refusesStrangers,
  isRepeatable,
];
