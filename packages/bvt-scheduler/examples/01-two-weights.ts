import { createBvtScheduler } from "@xenolith/bvt-scheduler";

// Two VCPUs that never sleep, one with twice the weight of the other: who runs in 100 ms?
const bvt = createBvtScheduler({ contextSwitchAllowanceNs: 5_000_000 });
bvt.admit(1, { weight: 256 });
bvt.admit(2, { weight: 512 });
bvt.wake(1, 0);
bvt.wake(2, 0);

const ranNs = new Map([
  [1, 0],
  [2, 0],
]);
let last = 0;
for (let now = 0; now < 100_000_000; now += last) {
  const { vcpu, sliceNs } = bvt.choose(now, last);
  if (vcpu !== null) ranNs.set(vcpu, (ranNs.get(vcpu) ?? 0) + sliceNs);
  last = sliceNs;
}
console.log(Object.fromEntries(ranNs));
