import { entryLow, FLAG, PTE, VECTOR } from "@xenolith/x86-architecture";
import type { EngineTuning } from "@xenolith/x86-cpu";
import { DOMID_SELF, toVcpuIndex } from "@xenolith/xen-abi";
import {
  FLAT_RING3_CS32,
  FLAT_RING3_CS64,
  FLAT_RING3_SS64,
  VGCF_in_syscall,
} from "@xenolith/xen-abi/arch-x86";
import {
  CALLBACK_REGISTER_64,
  CALLBACKF_mask_events,
  CALLBACKOP_register,
  CALLBACKTYPE_event,
  CALLBACKTYPE_syscall,
} from "@xenolith/xen-abi/callback";
import { VCPU_INFO } from "@xenolith/xen-abi/shared-info";
import { XENVER_version } from "@xenolith/xen-abi/version";
import {
  __HYPERVISOR_callback_op,
  __HYPERVISOR_mmuext_op,
  __HYPERVISOR_set_trap_table,
  __HYPERVISOR_stack_switch,
  __HYPERVISOR_update_va_mapping,
  __HYPERVISOR_vm_assist,
  __HYPERVISOR_xen_version,
  MMUEXT_NEW_USER_BASEPTR,
  MMUEXT_OP,
  VMASST_CMD_enable,
  VMASST_TYPE_architectural_iopl,
} from "@xenolith/xen-abi/xen";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { dword, hypercall } from "./support/assemble.ts";
import { hypercall64, iret64, movImmediate64, returnFromEntry64, SYSCALL } from "./support/assemble-64.ts";
import { createTestGuest, page, type TestGuest } from "./support/guest.ts";
import { createTestMachine } from "./support/machine.ts";
import { trapTable } from "./support/trap-table.ts";

const CODE = page(1);
const USER_CODE = page(4);
const ARGUMENT = page(5);
const STACK_TOP = page(9);
const USER_STACK = page(13);
const SYSCALL_ENTRY = page(15);
const EVENT_ENTRY = page(16);
const TRAP_ENTRY = page(17);
const TRAPS = page(6);
const SHARED = page(20);
const PAGES = 19;
/** Time by which the first system call is being made. */
const SET_UP_NS = 6000;

const { evtchnUpcallMask, evtchnUpcallPending } = VCPU_INFO.layout.x86_64;

/** `movb $value, address` of 64-bit code. */
const setByte = (at: number, value: number): number[] => [0xc6, 0x04, 0x25, ...dword(at), value];
/** Pieces of code of the kernel's system call: they leave the stack as it was. */
const KERNEL_PIECES: readonly (readonly number[])[] = [
  [0x48, 0xff, 0xc3], // inc %rbx
  setByte(SHARED + evtchnUpcallMask, 1),
  setByte(SHARED + evtchnUpcallMask, 0),
  setByte(SHARED + evtchnUpcallMask, 0xfe),
  setByte(SHARED + evtchnUpcallPending, 1),
  [...movImmediate64("rdi", XENVER_version), ...movImmediate64("rax", __HYPERVISOR_xen_version), ...SYSCALL],
  [...movImmediate64("rdi", 0x1_0000_0001), ...movImmediate64("rax", __HYPERVISOR_xen_version), ...SYSCALL],
  [...movImmediate64("rdi", 0x1_0000_0000), ...movImmediate64("rax", __HYPERVISOR_xen_version), ...SYSCALL],
  [0xf9],
  [0xfd],
  [0x48, 0x29, 0xc3], // sub %rax, %rbx
  [0xcc],
];
const USER_PIECES: readonly (readonly number[])[] = [
  [0x48, 0xff, 0xc5], // inc %rbp
  [0xf9],
  [0xf8],
  [0xfd],
  [0xfc],
  [0x48, 0x01, 0xe8], // add %rbp, %rax
  [0x9c, 0x5a], // pushf; pop %rdx
  [0x83, 0xe2, 0x0f], // and $15, %edx
  [0xcc],
];

const pieces = (from: readonly (readonly number[])[]) =>
  fc.array(fc.constantFrom(...from), { maxLength: 6 }).map((parts) => parts.flat());
const rflags = fc
  .array(fc.constantFrom(FLAG.cf, FLAG.zf, FLAG.df, FLAG.of, FLAG.ac, FLAG.nt, FLAG.iopl, FLAG.rf, FLAG.tf), {
    maxLength: 2,
  })
  .chain((bits) => fc.boolean().map((masks) => bits.reduce((all, bit) => all | bit, masks ? 2 : 0x202)));

const scene = fc.record({
  kernel: pieces(KERNEL_PIECES),
  user: pieces(USER_PIECES),
  stackTop: fc.constantFrom(page(11) + 0x108, page(11) + 0x100, page(11) + 0x10, page(11), page(30)),
  callbackFlags: fc.constantFrom(0, CALLBACKF_mask_events),
  returnFlags: fc.constantFrom(VGCF_in_syscall, 0),
  first: fc.record({
    cs: fc.constantFrom(FLAT_RING3_CS64, FLAT_RING3_CS64, FLAT_RING3_CS64 & ~3, FLAT_RING3_CS32, 0x13),
    ss: fc.constantFrom(FLAT_RING3_SS64, FLAT_RING3_SS64, 0x13),
    rflags,
    flags: fc.constantFrom(VGCF_in_syscall, 0),
  }),
  withEvents: fc.boolean(),
  withPrivilege: fc.nat(7).map((draw) => draw === 0),
});
type Scene = typeof scene extends fc.Arbitrary<infer Value> ? Value : never;

const PLAIN: Scene = {
  kernel: [0x48, 0xff, 0xc3],
  user: [],
  stackTop: page(11),
  callbackFlags: 0,
  returnFlags: VGCF_in_syscall,
  first: { cs: FLAT_RING3_CS64, ss: FLAT_RING3_SS64, rflags: 0x202, flags: 0 },
  withEvents: false,
  withPrivilege: false,
};

const writeArguments = (guest: TestGuest, callbackFlags: number): void => {
  const base = new DataView(new ArrayBuffer(MMUEXT_OP.size("x86_64")));
  const command = MMUEXT_NEW_USER_BASEPTR;
  MMUEXT_OP.write(base, 0, "x86_64", { command, arg1: guest.userRoot ?? 0, arg2: 0 });
  guest.write(ARGUMENT, new Uint8Array(base.buffer));
  const callbacks = [
    { type: CALLBACKTYPE_syscall, flags: callbackFlags, address: SYSCALL_ENTRY },
    { type: CALLBACKTYPE_event, flags: 0, address: EVENT_ENTRY },
  ];
  for (const [index, callback] of callbacks.entries()) {
    const view = new DataView(new ArrayBuffer(CALLBACK_REGISTER_64.size("x86_64")));
    CALLBACK_REGISTER_64.write(view, 0, "x86_64", callback);
    guest.write(ARGUMENT + 64 * (index + 1), new Uint8Array(view.buffer));
  }
};

/** How a run is made: with gates or by the hypervisor alone, and in which engine. */
interface Way {
  readonly directGates: boolean;
  readonly tuning: EngineTuning;
}

/** A process that makes system calls for ever. @returns what there is to see at some points of time */
const run = (given: Scene, { directGates, tuning }: Way, stops: readonly number[]): readonly unknown[] => {
  const machine = createTestMachine({
    directGates,
    traces: false,
    tuning: { recordBytes: 1 << 20, ...tuning },
  });
  const guest = createTestGuest(machine, {
    width: "x86_64",
    entry: CODE,
    stackTop: STACK_TOP,
    absentPages: [20, 29],
  });
  const { control } = machine.hypervisor;
  writeArguments(guest, given.callbackFlags);
  const shared = entryLow(control.sharedInfoFrame(guest.id), PTE.present | PTE.writable);
  const traps = [{ vector: VECTOR.breakpoint, address: TRAP_ENTRY, privilegeLevel: 3 }];
  guest.write(TRAPS, trapTable(traps, "x86_64"));
  guest.write(CODE, [
    ...hypercall64(__HYPERVISOR_set_trap_table, TRAPS),
    ...hypercall64(__HYPERVISOR_update_va_mapping, SHARED, shared, 0),
    ...hypercall64(__HYPERVISOR_mmuext_op, ARGUMENT, 1, 0, DOMID_SELF),
    ...hypercall64(__HYPERVISOR_callback_op, CALLBACKOP_register, ARGUMENT + 64),
    ...(given.withEvents ? hypercall64(__HYPERVISOR_callback_op, CALLBACKOP_register, ARGUMENT + 128) : []),
    ...(given.withPrivilege
      ? hypercall64(__HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_architectural_iopl)
      : []),
    ...hypercall64(__HYPERVISOR_stack_switch, FLAT_RING3_SS64, given.stackTop),
    ...iret64({ rip: USER_CODE, rsp: USER_STACK, ...given.first }),
  ]);
  const user = [...given.user, ...SYSCALL];
  guest.write(USER_CODE, [...user, 0xe9, ...dword(-(user.length + 5))]);
  guest.write(SYSCALL_ENTRY, [...given.kernel, ...returnFromEntry64(given.returnFlags)]);
  guest.write(EVENT_ENTRY, [...setByte(SHARED + evtchnUpcallPending, 0), ...returnFromEntry64(0)]);
  guest.write(TRAP_ENTRY, returnFromEntry64(0));
  guest.start();
  return stops.map((stop) => {
    machine.runUntil(stop);
    return {
      now: machine.clock.now(),
      registers: control.dumpRegisters(guest.id, toVcpuIndex(0)),
      domain: control.describe(guest.id),
      memory: Array.from({ length: PAGES }, (_, index) => {
        const { buffer, byteOffset } = guest.read(page(index), 4096);
        return Buffer.from(buffer, byteOffset, 4096).toString("latin1");
      }),
    };
  });
};

const REFERENCE: Way = { directGates: false, tuning: { engine: "interpreter" } };

describe.each<[string, EngineTuning]>([
  ["interpreted", { engine: "interpreter" }],
  ["translated", { translateAfter: 0 }],
])("transition gates in 64-bit code that is %s", (_name, tuning) => {
  test("do what the hypervisor does, to the nanosecond", { timeout: 300_000 }, () => {
    fc.assert(
      fc.property(scene, fc.integer({ min: 500, max: 1500 }), (given, first) => {
        const stops = [first, first + 7, 4000].map((after) => SET_UP_NS + after);
        expect(run(given, { directGates: true, tuning }, stops)).toEqual(run(given, REFERENCE, stops));
      }),
      { numRuns: 12 },
    );
  });
});

describe("the calls of a kernel that have one answer", () => {
  const runNarrow = (directGates: boolean, events: boolean) => {
    const machine = createTestMachine({ directGates, traces: false });
    const guest = createTestGuest(machine, { entry: CODE, stackTop: STACK_TOP, absentPages: [20] });
    const { control } = machine.hypervisor;
    const shared = entryLow(control.sharedInfoFrame(guest.id), PTE.present | PTE.writable);
    const setPending = [0xc6, 0x05, ...dword(SHARED + VCPU_INFO.layout.x86_32p.evtchnUpcallPending), 1];
    const unmask = [0xc6, 0x05, ...dword(SHARED + VCPU_INFO.layout.x86_32p.evtchnUpcallMask), 0];
    const body = [...hypercall(__HYPERVISOR_xen_version, XENVER_version), 0x01, 0xc6];
    guest.write(CODE, [
      ...hypercall(__HYPERVISOR_update_va_mapping, SHARED, shared, 0, 0),
      ...(events ? [...unmask, ...setPending] : []),
      ...[...body, 0xe9, ...dword(-(body.length + 5))],
    ]);
    guest.start();
    machine.runUntil(5003);
    return [control.dumpRegisters(guest.id, toVcpuIndex(0)), control.describe(guest.id)];
  };

  // Without a callback for events the domain ends at the first look for them.
  test.each([false, true])("have it from the processor too in 32-bit code (events: %s)", (events) => {
    expect(runNarrow(true, events)).toEqual(runNarrow(false, events));
  });
});

test("the plain system call is worth comparing: it counts", () => {
  const [seen] = run(PLAIN, { directGates: true, tuning: {} }, [SET_UP_NS + 5000]) as [{ registers: string }];
  expect(Number.parseInt(/rbx (\w+)/.exec(seen.registers)?.[1] ?? "", 16)).toBeGreaterThan(100);
});
