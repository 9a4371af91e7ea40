import { createCreditPool } from "@xenolith/credit-scheduler";
import { busy, simulatePool } from "@xenolith/scheduler-interface/testing";

// Two processors. Domain 1 has two VCPUs and half a processor at most; domain 2 has two and no limit; domain 3 has one.
const load = [
  { ...busy(10, { cap: 50 }), group: 1 },
  { ...busy(11, { cap: 50 }), group: 1 },
  { ...busy(20, { weight: 512 }), group: 2 },
  { ...busy(21, { weight: 512 }), group: 2 },
  { ...busy(30, { weight: 256 }), group: 3 },
];
const { ranNs } = simulatePool(createCreditPool([0, 1]), load, 10_000_000_000);
for (const { id, group } of load) {
  const percent = Math.round((ranNs.get(id) ?? 0) / 100_000_000);
  console.log(`domain ${group}, VCPU ${id}: ${percent} % of a processor`);
}
