import {
  createEntropy,
  createMachineMemory,
  createTimerQueue,
  createVirtualClock,
  epochFromEntropy,
} from "@xenolith/machine";
import { toMfn } from "@xenolith/machine-interface";

const entropy = createEntropy(2003);
const clock = createVirtualClock(epochFromEntropy(entropy.fork("epoch")));
const timers = createTimerQueue();
const memory = createMachineMemory({ ramBytes: 16 << 20, reserveBytes: 1 << 20 });

// A timer that writes to a frame; a store from TypeScript is announced.
memory.onWrite(4, (frame, offset) =>
  console.log(`frame ${frame}, offset ${offset} written at ${clock.now()} ns`),
);
memory.watch(toMfn(3), 4);
const tick = (now: ReturnType<typeof clock.now>): void => {
  memory.view.setUint32(3 * 4096 + 8, now, true);
  memory.written(toMfn(3), 8, 4);
};
timers.at(clock.now(), tick);

// The loop of a host: idle time is skipped.
for (let next = timers.next(); next !== null; next = timers.next()) {
  clock.skipTo(next);
  timers.runDue(clock.now());
}
