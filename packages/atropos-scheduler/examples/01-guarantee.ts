import { createAtroposScheduler } from "@xenolith/atropos-scheduler";
import { busy, simulate } from "@xenolith/scheduler-interface/testing";

const MS = 1_000_000;
// A player that needs 5 ms in every 20, among three programs that take whatever they get.
const player = busy(1, { periodNs: 20 * MS, sliceNs: 5 * MS, extratime: false });
const { ranNs, slices } = simulate(createAtroposScheduler(), [player, busy(2), busy(3), busy(4)], 1000 * MS);
console.log(`the player ran ${(ranNs.get(1) ?? 0) / MS} ms of a second`);

let longestNs = 0;
let last = 0;
for (const { vcpu, startNs, endNs } of slices) {
  if (vcpu !== 1) continue;
  longestNs = Math.max(longestNs, startNs - last);
  last = endNs;
}
console.log(`and waited ${longestNs / MS} ms at most`);
