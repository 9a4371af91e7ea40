import { createRoundRobinScheduler } from "@xenolith/round-robin-scheduler";

// Three VCPUs that never sleep: who runs when?
const scheduler = createRoundRobinScheduler({ sliceNs: 10_000_000 });
for (const vcpu of [1, 2, 3]) {
  scheduler.admit(vcpu, {});
  scheduler.wake(vcpu, 0);
}
let now = 0;
let last = 0;
const order: (number | null)[] = [];
for (let turn = 0; turn < 6; turn++) {
  const { vcpu, sliceNs } = scheduler.choose(now, last);
  order.push(vcpu);
  last = sliceNs;
  now += sliceNs;
}
console.log(order.join(" "));
