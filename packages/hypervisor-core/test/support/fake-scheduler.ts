import type { Scheduler, VcpuId } from "@xenolith/scheduler-interface";

/** A scheduler that a test can look into: first come, first served, with slices of fixed length. */
export interface FakeScheduler extends Scheduler {
  /** What it was told, in order. */
  readonly log: string[];
}

const SLICE_NS = 100;

export const createFakeScheduler = (): FakeScheduler => {
  const log: string[] = [];
  const parameters = new Map<VcpuId, Record<string, number | boolean>>();
  const ready: VcpuId[] = [];
  return {
    name: "fake",
    log,
    parameters: [{ name: "weight", description: "share", unit: "", kind: "number", default: 1 }],
    admit(vcpu, given) {
      parameters.set(vcpu, { weight: 1, ...given });
    },
    remove(vcpu) {
      parameters.delete(vcpu);
      if (ready.includes(vcpu)) ready.splice(ready.indexOf(vcpu), 1);
    },
    sleep(vcpu, now) {
      log.push(`sleep ${vcpu} at ${now}`);
      if (ready.includes(vcpu)) ready.splice(ready.indexOf(vcpu), 1);
    },
    wake(vcpu, now) {
      log.push(`wake ${vcpu} at ${now}`);
      ready.push(vcpu);
      return Number.POSITIVE_INFINITY;
    },
    adjust(vcpu, given) {
      if (Number(given["weight"] ?? 1) <= 0) return "weight has to be above 0";
      parameters.set(vcpu, { ...parameters.get(vcpu), ...(given as Record<string, number>) });
      return null;
    },
    parametersOf: (vcpu) => parameters.get(vcpu) ?? {},
    choose(now, ranNs) {
      const first = ready.shift();
      if (first !== undefined) ready.push(first);
      const [vcpu = null] = ready.length === 0 ? [] : [ready[0] ?? null];
      log.push(`choose ${vcpu} at ${now} ran ${ranNs}`);
      return { vcpu, sliceNs: vcpu === null ? Number.POSITIVE_INFINITY : SLICE_NS };
    },
    report: () => ({}),
  };
};
