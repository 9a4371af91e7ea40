import { EEXIST, EINVAL, ENOENT } from "@xenolith/xen-abi";
import {
  FLAT_RING1_CS,
  FLAT_RING1_SS,
  VCPU_GUEST_CONTEXT_32,
  type VcpuGuestContext32,
  VGCF_online,
  xenPfnToCr3,
} from "@xenolith/xen-abi/arch-x86";
import { VCPUOP_initialise, VCPUOP_is_up, VCPUOP_up } from "@xenolith/xen-abi/vcpu";
import { __HYPERVISOR_vcpu_op } from "@xenolith/xen-abi/xen";
import { describe, expect, test } from "vitest";
import { hypercall, movImmediate, spin, store } from "./support/assemble.ts";
import { createTestGuest, page, type TestGuest } from "./support/guest.ts";
import { createTestMachine } from "./support/machine.ts";

const WIDTH = "x86_32p";
const CODE = page(1);
const SECOND_CODE = page(2);
const RESULT = page(3);
const CONTEXT = page(4);

const contextFor = (guest: TestGuest, flags: number): Uint8Array => {
  const selector = { ss: FLAT_RING1_SS, ds: FLAT_RING1_SS, es: FLAT_RING1_SS, fs: 0, gs: 0 };
  const context: VcpuGuestContext32 = {
    fpuCtxt: new Uint8Array(512),
    flags,
    userRegs: {
      ...{
        ebx: 0,
        ecx: 0,
        edx: 0,
        esi: 0,
        edi: 0,
        ebp: 0,
        eax: 0,
        errorCode: 0,
        entryVector: 0,
        savedUpcallMask: 0,
      },
      ...selector,
      eip: SECOND_CODE,
      cs: FLAT_RING1_CS,
      eflags: 0x202,
      esp: page(12),
    },
    trapCtxt: Array.from({ length: 256 }, () => ({ vector: 0, flags: 0, cs: 0, address: 0 })),
    ldtBase: 0,
    ldtEnts: 0,
    gdtFrames: Array.from({ length: 16 }, () => 0),
    gdtEnts: 0,
    kernelSs: FLAT_RING1_SS,
    kernelSp: page(12),
    ctrlreg: [0, 0, 0, xenPfnToCr3(guest.root), 0, 0, 0, 0],
    debugreg: Array.from({ length: 8 }, () => 0n),
    eventCallbackCs: 0,
    eventCallbackEip: 0,
    failsafeCallbackCs: 0,
    failsafeCallbackEip: 0,
    vmAssist: 0,
  };
  const bytes = new Uint8Array(VCPU_GUEST_CONTEXT_32.size(WIDTH));
  VCPU_GUEST_CONTEXT_32.write(new DataView(bytes.buffer), 0, WIDTH, context);
  return bytes;
};

const vcpuOp = (command: number, vcpu: number, argument = 0): readonly number[] =>
  hypercall(__HYPERVISOR_vcpu_op, command, vcpu, argument);

/** Runs calls on VCPU 0 of a domain with two, notes each result, and gives them with what VCPU 1 has left. */
const run = (calls: readonly (readonly number[])[], flags: number) => {
  const machine = createTestMachine();
  const guest = createTestGuest(machine, { entry: CODE, stackTop: page(9), vcpus: 2 });
  guest.write(CONTEXT, contextFor(guest, flags));
  const code = calls.flatMap((call, index) => [...call, ...store("eax", RESULT + 4 * index)]);
  guest.write(CODE, [...code, ...spin]);
  guest.write(SECOND_CODE, [...movImmediate("eax", 0xbeef), ...store("eax", RESULT + 256), ...spin]);
  guest.start();
  machine.runUntil(60_000_000);
  expect(machine.hypervisor.control.describe(guest.id)?.crash).toBeNull();
  return {
    results: calls.map((_, index) => guest.readUint32(RESULT + 4 * index) | 0),
    secondRan: guest.readUint32(RESULT + 256) === 0xbeef,
  };
};

describe("a second VCPU", () => {
  const initialise = vcpuOp(VCPUOP_initialise, 1, CONTEXT);

  test("runs once it has been initialised and is up", () => {
    const { results, secondRan } = run([initialise, vcpuOp(VCPUOP_up, 1), vcpuOp(VCPUOP_is_up, 1)], 0);
    expect(results).toEqual([0, 0, 1]);
    expect(secondRan).toBe(true);
  });

  test("runs at once when its context says so", () => {
    expect(run([initialise], VGCF_online).secondRan).toBe(true);
  });

  test("cannot be brought up before, nor initialised twice, and there is no third", () => {
    const calls = [
      vcpuOp(VCPUOP_is_up, 1),
      vcpuOp(VCPUOP_up, 1),
      initialise,
      initialise,
      vcpuOp(VCPUOP_is_up, 2),
    ];
    const { results, secondRan } = run(calls, 0);
    expect(results).toEqual([0, -EINVAL, 0, -EEXIST, -ENOENT]);
    expect(secondRan).toBe(false);
  });
});
