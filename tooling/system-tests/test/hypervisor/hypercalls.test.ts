import { EFAULT, ENOSYS } from "@xenolith/xen-abi";
import { SCHEDOP_shutdown, SHUTDOWN_poweroff } from "@xenolith/xen-abi/sched";
import { XENVER_platform_parameters } from "@xenolith/xen-abi/version";
import {
  __HYPERVISOR_console_io,
  __HYPERVISOR_sched_op,
  __HYPERVISOR_xen_version,
  CONSOLEIO_write,
} from "@xenolith/xen-abi/xen";
import { describe, expect, test } from "vitest";
import { hypercall, store } from "./support/assemble.ts";
import { createTestGuest, page } from "./support/guest.ts";
import { createTestMachine } from "./support/machine.ts";

/** What a hypercall takes besides its instruction. */
const HYPERCALL_NS = 200;
const DATA = page(2);
const CODE = page(1);

const powerOff = [...hypercall(__HYPERVISOR_sched_op, SCHEDOP_shutdown, DATA)];

describe.each(["x86_32p", "x86_32"] as const)(
  "an %s guest in ring 1 that makes hypercalls by int $0x82",
  (width) => {
    const run = (code: readonly number[], data: readonly number[] = []) => {
      const machine = createTestMachine();
      const guest = createTestGuest(machine, { entry: CODE, stackTop: page(8), width });
      guest.write(CODE, [...code, ...powerOff]);
      guest.writeUint32(DATA, SHUTDOWN_poweroff);
      guest.write(DATA + 16, data);
      guest.start();
      machine.runUntil(100_000_000);
      return { machine, guest, end: machine.hypervisor.control.describe(guest.id) };
    };

    test("runs and powers off", () => {
      const { end } = run([]);
      expect(end).toMatchObject({ state: "shutdown", shutdownReason: "poweroff", crash: null });
    });

    test("gets the version in EAX", () => {
      const { guest } = run([...hypercall(__HYPERVISOR_xen_version, 0), ...store("eax", DATA + 4)]);
      expect(guest.readUint32(DATA + 4)).toBe(0x0004_0011);
    });

    test("gets -ENOSYS for a number without a call", () => {
      const { guest } = run([...hypercall(11), ...store("eax", DATA + 4)]);
      expect(guest.readUint32(DATA + 4) | 0).toBe(-ENOSYS);
    });

    test("writes to the emergency console", () => {
      const text = [..."hello from ring 1\n"].map((c) => c.charCodeAt(0));
      const { machine } = run(
        hypercall(__HYPERVISOR_console_io, CONSOLEIO_write, text.length, DATA + 16),
        text,
      );
      expect(machine.console()).toBe("hello from ring 1\n");
    });

    test("finds where the hypervisor begins, and cannot hand it what lies there", () => {
      const start = width === "x86_32" ? 0xfc00_0000 : 0xf580_0000;
      const { guest } = run([
        ...hypercall(__HYPERVISOR_xen_version, XENVER_platform_parameters, DATA + 4),
        ...hypercall(__HYPERVISOR_xen_version, XENVER_platform_parameters, start),
        ...store("eax", DATA + 8),
      ]);
      expect(guest.readUint32(DATA + 4)).toBe(start);
      expect(guest.readUint32(DATA + 8) | 0).toBe(-EFAULT);
    });

    test("takes exactly one nanosecond per instruction, and the price of each hypercall", () => {
      const { end } = run([0x90, 0x90, 0x90]);
      expect(end).toMatchObject({ instructions: 7, cpuNs: 7 + HYPERCALL_NS });
    });
  },
);
