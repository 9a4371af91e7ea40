import type { ParameterSpec, Scheduler, VcpuId } from "@xenolith/scheduler-interface";

const TURN: ParameterSpec = {
  name: "turnNs",
  description: "length of a turn",
  unit: "ns",
  kind: "number",
  minimum: 1_000,
  maximum: 1_000_000_000,
  default: 10_000_000,
};

/** The simplest scheduler there is: everybody who is awake in turn. Who has run goes to the end of the queue. */
export const createTurns = (): Scheduler => {
  const turns = new Map<VcpuId, number>();
  let queue: VcpuId[] = [];
  const known = (vcpu: VcpuId): number => {
    const turnNs = turns.get(vcpu);
    if (turnNs === undefined) throw new Error(`VCPU ${vcpu} has not been admitted`);
    return turnNs;
  };
  const leave = (vcpu: VcpuId): void => {
    queue = queue.filter((one) => one !== vcpu);
  };
  return {
    name: "turns",
    parameters: [TURN],
    admit: (vcpu) => {
      if (turns.has(vcpu)) throw new Error(`VCPU ${vcpu} is there already`);
      turns.set(vcpu, 10_000_000);
    },
    remove: (vcpu) => {
      leave(vcpu);
      turns.delete(vcpu);
    },
    sleep: (vcpu) => {
      known(vcpu);
      leave(vcpu);
    },
    wake: (vcpu, now) => {
      known(vcpu);
      if (!queue.includes(vcpu)) queue.push(vcpu);
      return queue.length === 1 ? now : Number.POSITIVE_INFINITY;
    },
    adjust: (vcpu, { turnNs }) => {
      known(vcpu);
      if (typeof turnNs !== "number" || !(turnNs >= 1_000 && turnNs <= 1_000_000_000))
        return "turnNs is out of bounds";
      turns.set(vcpu, turnNs);
      return null;
    },
    parametersOf: (vcpu) => ({ turnNs: known(vcpu) }),
    choose: (_now, ranNs) => {
      const [last] = queue;
      if (last !== undefined && ranNs > 0) queue = [...queue.slice(1), last];
      const [first] = queue;
      return { vcpu: first ?? null, sliceNs: first === undefined ? Number.POSITIVE_INFINITY : known(first) };
    },
    report: (vcpu) => ({ turnNs: known(vcpu) }),
  };
};
