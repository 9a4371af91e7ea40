import { createBvtScheduler } from "@xenolith/bvt-scheduler";
import { createFakeHost } from "@xenolith/domain-interface/testing";
import { createStoreClient } from "@xenolith/xenbus";
import { createXenstored } from "@xenolith/xenstored";
import type { Benchmark } from "./benchmark.ts";

const VCPUS = 128;
const DECISIONS = 5_000;
const WRITES = 500;

const scheduler = (): (() => number) => {
  const bvt = createBvtScheduler();
  for (let vcpu = 0; vcpu < VCPUS; vcpu++) {
    bvt.admit(vcpu, { weight: 64 + vcpu });
    bvt.wake(vcpu, 0);
  }
  let now = 0;
  let ranNs = 0;
  return () => {
    for (let decision = 0; decision < DECISIONS; decision++) {
      const { sliceNs } = bvt.choose(now, ranNs);
      ranNs = sliceNs;
      now += sliceNs;
    }
    return DECISIONS;
  };
};

const store = (): (() => number) => {
  const host = createFakeHost();
  const domain = host.domain(0);
  const xenstored = createXenstored({ domain });
  xenstored.connect(domain.storePeer, { domain: domain.id, privileged: true });
  const client = createStoreClient(domain.store);
  return () => {
    for (let write = 0; write < WRITES; write++) client.write(`/bench/${write % 50}`, `${write}`);
    host.settle();
    return WRITES;
  };
};

/** Parts of a host, each alone. */
export const hostBenchmarks: readonly Benchmark[] = [
  { name: "bvt", operation: `decision among ${VCPUS} runnable VCPUs`, prepare: scheduler },
  { name: "xenstore", operation: "write, with its answer", prepare: store },
];
