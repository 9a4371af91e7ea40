import type { Scheduler, VcpuId } from "@xenolith/scheduler-interface";
import { busy, periodic, SCHEDULER_LAWS, simulate } from "@xenolith/scheduler-interface/testing";

// A policy: whoever is awake and has the lowest number. It starves the others.
const createLowestFirst = (): Scheduler => {
  const awake = new Map<VcpuId, boolean>();
  const known = (vcpu: VcpuId): boolean => {
    const state = awake.get(vcpu);
    if (state === undefined) throw new Error(`VCPU ${vcpu} has not been admitted`);
    return state;
  };
  return {
    name: "lowest-first",
    parameters: [],
    admit: (vcpu) => {
      if (awake.has(vcpu)) throw new Error(`VCPU ${vcpu} is there already`);
      awake.set(vcpu, false);
    },
    remove: (vcpu) => void awake.delete(vcpu),
    sleep: (vcpu) => void awake.set(vcpu, known(vcpu) && false),
    wake: (vcpu, now) => (awake.set(vcpu, known(vcpu) || true) ? now : now),
    adjust: () => null,
    parametersOf: () => ({}),
    choose: () => {
      const [first = null] = [...awake]
        .filter(([, runs]) => runs)
        .map(([vcpu]) => vcpu)
        .sort((a, b) => a - b);
      return { vcpu: first, sliceNs: 10_000_000 };
    },
    report: (vcpu) => ({ awake: known(vcpu) }),
  };
};

const { ranNs } = simulate(
  createLowestFirst(),
  [periodic(1, 2_000_000, 6_000_000), busy(2), busy(3)],
  80_000_000,
);
console.log(Object.fromEntries(ranNs));

let seed = 1;
const random = (): number => {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
  return seed / 2 ** 32;
};
for (const law of SCHEDULER_LAWS)
  console.log(`${law.name}: ${law.check(createLowestFirst, random) ?? "holds"}`);
