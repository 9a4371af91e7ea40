import { EINVAL, ENOSYS } from "@xenolith/xen-abi";
import { FLAT_RING1_CS } from "@xenolith/xen-abi/arch-x86";
import {
  __HYPERVISOR_iret,
  __HYPERVISOR_multicall,
  __HYPERVISOR_xen_version,
  MULTICALL_ENTRY,
  writeMulticallEntry,
} from "@xenolith/xen-abi/xen";
import { describe, expect, test } from "vitest";
import { hypercall, movImmediate, pushImmediate, spin, store } from "./support/assemble.ts";
import { createTestGuest, page, type TestGuest } from "./support/guest.ts";
import { createTestMachine } from "./support/machine.ts";

const WIDTH = "x86_32p";
const CODE = page(1);
const RESULT = page(2);
/** Where an iret may go: a spin. */
const LANDING = page(3);
const ENTRIES = page(16);
const ENTRY_BYTES = MULTICALL_ENTRY.size(WIDTH);

interface Call {
  readonly op: number;
  readonly args?: readonly number[];
}

const run = (
  calls: readonly Call[],
  before: readonly number[] = [],
): { readonly guest: TestGuest; readonly results: number[]; readonly answer: number } => {
  const machine = createTestMachine();
  const guest = createTestGuest(machine, { entry: CODE, stackTop: page(9) });
  const entries = new Uint8Array(ENTRY_BYTES * calls.length);
  const view = new DataView(entries.buffer);
  for (const [index, { op, args = [] }] of calls.entries()) {
    const all = Array.from({ length: 6 }, (_, position) => args[position] ?? 0);
    writeMulticallEntry(view, index * ENTRY_BYTES, WIDTH, { op, result: 0x5555, args: all });
  }
  // Pages need not be contiguous in the machine: entries are written page by page.
  for (let at = 0; at < entries.length; at += 4096)
    guest.write(ENTRIES + at, entries.subarray(at, at + 4096));
  const call = hypercall(__HYPERVISOR_multicall, ENTRIES, calls.length);
  guest.write(CODE, [...before, ...call, ...store("eax", RESULT), ...spin]);
  guest.write(LANDING, spin);
  guest.writeUint32(RESULT, 0x7777);
  guest.start();
  machine.runUntil(5_000_000);
  expect(machine.hypervisor.control.describe(guest.id)?.crash).toBeNull();
  const results = calls.map((_, index) => guest.readUint32(ENTRIES + index * ENTRY_BYTES + 4) | 0);
  return { guest, results, answer: guest.readUint32(RESULT) | 0 };
};

const version: Call = { op: __HYPERVISOR_xen_version };
const VERSION = 0x0004_0011;

describe("multicall", () => {
  test("stores the result of each call in its entry", () => {
    const { results, answer } = run([version, { op: 11 }, { op: 0xffff_ffff }, version]);
    expect(results).toEqual([VERSION, -ENOSYS, -ENOSYS, VERSION]);
    expect(answer).toBe(0);
  });

  test("refuses a multicall within", () => {
    expect(run([{ op: __HYPERVISOR_multicall, args: [ENTRIES, 1] }]).results).toEqual([-EINVAL]);
  });

  test("makes thousands of calls, restarting on the way", () => {
    const { results, answer } = run(Array.from({ length: 4000 }, () => version));
    expect(new Set(results)).toEqual(new Set([VERSION]));
    expect(answer).toBe(0);
  });

  test("ends with iret: the calls behind it are not made", () => {
    const frame = [
      ...pushImmediate(0x202),
      ...pushImmediate(FLAT_RING1_CS),
      ...pushImmediate(LANDING),
      ...pushImmediate(0x1234),
    ];
    const { results, answer } = run([{ op: __HYPERVISOR_iret }, version], frame);
    expect(results[1]).toBe(0x5555);
    expect(answer).toBe(0x7777);
  });

  test("with entries that cannot be read is -EFAULT", () => {
    const machine = createTestMachine();
    const guest = createTestGuest(machine, { entry: CODE, stackTop: page(9) });
    const call = hypercall(__HYPERVISOR_multicall, 0xf580_0000, 1);
    guest.write(CODE, [...movImmediate("eax", 0), ...call, ...store("eax", RESULT), ...spin]);
    guest.start();
    machine.runUntil(1000);
    expect(guest.readUint32(RESULT) | 0).toBe(-14);
  });
});
