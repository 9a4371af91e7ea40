import { SCHED_POLL, SCHEDOP_poll, SCHEDOP_shutdown, SHUTDOWN_poweroff } from "@xenolith/xen-abi/sched";
import { __HYPERVISOR_sched_op, __HYPERVISOR_xen_version } from "@xenolith/xen-abi/xen";
import { describe, expect, test } from "vitest";
import { hypercall } from "../hypervisor/support/assemble.ts";
import { createTestGuest, page } from "../hypervisor/support/guest.ts";
import { createTestMachine } from "../hypervisor/support/machine.ts";

const CODE = page(1);
const DATA = page(2);
const STACK = page(8);
const POLL = DATA + 16;

/** Waits until a point of system time. */
const sleep = hypercall(__HYPERVISOR_sched_op, SCHEDOP_poll, POLL);
const powerOff = hypercall(__HYPERVISOR_sched_op, SCHEDOP_shutdown, DATA);
/** Never runs for as long as the clock can tell there: some 100 instructions between two calls. */
const callForEver = (() => {
  const code = [...Array(90).fill(0x90), ...hypercall(__HYPERVISOR_xen_version, 0)];
  return [...code, 0xeb, 0x100 - code.length - 2];
})();

describe("a guest that sends the clock into the far future", () => {
  test.each([2 ** 53, 2 ** 62])("does not keep the others from running at %d ns", (whenNs) => {
    const machine = createTestMachine();
    const sleeper = (code: readonly number[]) => {
      const guest = createTestGuest(machine, { entry: CODE, stackTop: STACK });
      guest.write(CODE, [...sleep, ...code]);
      guest.writeUint32(DATA, SHUTDOWN_poweroff);
      const request = new DataView(new ArrayBuffer(SCHED_POLL.size("x86_32p")));
      SCHED_POLL.write(request, 0, "x86_32p", { ports: 0, nrPorts: 0, timeout: whenNs });
      guest.write(POLL, new Uint8Array(request.buffer));
      guest.start();
      return guest;
    };
    sleeper(callForEver);
    const honest = sleeper(powerOff);
    for (let steps = 0; steps < 40; steps++) {
      const result = machine.hypervisor.step({ workNs: 1_000_000, untilNs: Number.POSITIVE_INFINITY });
      if (result.kind === "idle" && result.nextNs !== null) machine.clock.skipTo(result.nextNs);
    }
    expect(machine.clock.now()).toBeGreaterThanOrEqual(whenNs);
    expect(machine.hypervisor.control.describe(honest.id)).toMatchObject({ shutdownReason: "poweroff" });
  });
});
