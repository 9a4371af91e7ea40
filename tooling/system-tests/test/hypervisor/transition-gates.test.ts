import { entryLow, FLAG, PTE } from "@xenolith/x86-architecture";
import { DOMID_SELF, toVcpuIndex } from "@xenolith/xen-abi";
import {
  FLAT_RING3_CS32,
  FLAT_RING3_CS64,
  FLAT_RING3_SS64,
  SEGBASE_FS,
  SEGBASE_GS_KERNEL,
  SEGBASE_GS_USER,
  SEGBASE_GS_USER_SEL,
  VGCF_in_syscall,
} from "@xenolith/xen-abi/arch-x86";
import { CALLBACKF_mask_events } from "@xenolith/xen-abi/callback";
import { VCPU_INFO } from "@xenolith/xen-abi/shared-info";
import { XENVER_version } from "@xenolith/xen-abi/version";
import {
  __HYPERVISOR_fpu_taskswitch,
  __HYPERVISOR_mmuext_op,
  __HYPERVISOR_set_segment_base,
  __HYPERVISOR_stack_switch,
  __HYPERVISOR_update_va_mapping,
  __HYPERVISOR_xen_version,
  MMUEXT_FLUSH_CACHE,
  MMUEXT_INVLPG_ALL,
  MMUEXT_INVLPG_LOCAL,
  MMUEXT_TLB_FLUSH_LOCAL,
  MMUEXT_TLB_FLUSH_MULTI,
} from "@xenolith/xen-abi/xen";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { dword, hypercall } from "./support/assemble.ts";
import { hypercall64, movImmediate64, SYSCALL, store64 } from "./support/assemble-64.ts";
import { createTestGuest, page } from "./support/guest.ts";
import { createTestMachine } from "./support/machine.ts";
import {
  CODE,
  EVENT_COUNT,
  PLAIN,
  runTwoSides,
  SET_UP,
  SHARED,
  STACK_TOP,
  setByte,
  type TwoSides,
} from "./support/two-sides.ts";
import { ENGINES, REFERENCE } from "./support/way.ts";

/** CPUID with a leaf and a subleaf, and a trace of the answer in RBP. */
const identify = (leaf: number, subleaf: number): number[] => [
  ...[0xb8, ...dword(leaf), 0xb9, ...dword(subleaf), 0x0f, 0xa2], // mov $leaf, %eax; mov $subleaf, %ecx; cpuid
  ...[0x48, 0x01, 0xc5, 0x48, 0x01, 0xdd, 0x48, 0x01, 0xcd, 0x48, 0x01, 0xd5], // add %rax, %rbp; likewise rbx, rcx, rdx
];
const IDENTITIES: readonly (readonly number[])[] = [
  [0, 0],
  [1, 5],
  [2, 0x12345],
  [4, 2],
  [4, 7],
  [4, 8],
  [7, 0],
  [7, 1],
  [31, 0],
  [32, 0],
  [0x4000_0000, 0],
  [0x4000_0003, 1],
  [0x8000_0000, 0],
  [0x8000_0008, 9],
  [0x8000_0020, 0],
].map(([leaf = 0, subleaf = 0]) => identify(leaf, subleaf));

/** Calls for a flush, and for other things that have no arguments. */
const FLUSHES: readonly (readonly number[])[] = [
  MMUEXT_TLB_FLUSH_LOCAL,
  MMUEXT_INVLPG_LOCAL,
  MMUEXT_INVLPG_ALL,
  MMUEXT_TLB_FLUSH_MULTI,
  MMUEXT_FLUSH_CACHE,
  32 + MMUEXT_TLB_FLUSH_LOCAL,
].flatMap((command) =>
  [
    [1, 0, DOMID_SELF],
    [1, 0, 0x1_0000_0000 + DOMID_SELF],
    [2, 0, DOMID_SELF],
    [1, page(14) + 0x300, DOMID_SELF],
    [1, 0, 1],
  ].map(([count = 0, done = 0, subject = 0]) => [
    ...movImmediate64("rax", command),
    ...store64("rax", page(14) + 0x200),
    ...hypercall64(__HYPERVISOR_mmuext_op, page(14) + 0x200, count, done, subject),
    ...[0x48, 0x01, 0xc5], // add %rax, %rbp
  ]),
);

const { evtchnUpcallMask, evtchnUpcallPending } = VCPU_INFO.layout.x86_64;

/** Time that calling a kernel for events takes. */
const UPCALL_NS = 500;

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
  ...[
    [__HYPERVISOR_stack_switch, FLAT_RING3_SS64, page(11) + 0x208],
    [__HYPERVISOR_stack_switch, 0x1_ffff_0010, page(12)],
    [__HYPERVISOR_stack_switch, 0, 0x8000_0000_0000],
    [__HYPERVISOR_set_segment_base, SEGBASE_FS, page(14)],
    [__HYPERVISOR_set_segment_base, SEGBASE_GS_USER, -page(14)],
    [__HYPERVISOR_set_segment_base, 0x1_0000_0002, page(14) + 1],
    [__HYPERVISOR_set_segment_base, SEGBASE_GS_KERNEL, 0x8000_0000_0000],
    [__HYPERVISOR_set_segment_base, SEGBASE_GS_USER_SEL, 0x1_0002],
    [__HYPERVISOR_set_segment_base, SEGBASE_GS_USER_SEL, FLAT_RING3_SS64],
    [__HYPERVISOR_set_segment_base, 4, 0],
    [__HYPERVISOR_fpu_taskswitch, 0x1_0000_0000],
    [__HYPERVISOR_fpu_taskswitch, 2],
    [__HYPERVISOR_fpu_taskswitch, 1],
  ].map(([number = 0, ...args]) => [
    ...hypercall64(number, ...args),
    ...hypercall64(__HYPERVISOR_xen_version, XENVER_version),
  ]),
  ...IDENTITIES,
  ...FLUSHES,
  [0xfa],
  [0xfb],
  [0x64, 0x48, 0x03, 0x1c, 0x25, ...dword(0)], // add %fs:0, %rbx
  [0x0f, 0x20, 0xc2], // mov %cr0, %rdx
  [0xdd, 0x1c, 0x25, ...dword(page(14) + 8)], // fstpl
  [0xf9],
  [0xfd],
  [0x48, 0x29, 0xc3], // sub %rax, %rbx
  [0xcc],
];
const USER_PIECES: readonly (readonly number[])[] = [
  [0xfa],
  ...IDENTITIES,
  [0x48, 0xff, 0xc5], // inc %rbp
  [0xf9],
  [0xf8],
  [0xfd],
  [0xfc],
  [0x48, 0x01, 0xe8], // add %rbp, %rax
  [0x9c, 0x5a], // pushf; pop %rdx
  [0x83, 0xe2, 0x0f], // and $15, %edx
  [0xdd, 0x04, 0x25, ...dword(page(14) + 16)], // fldl
  [0xcc],
];

const pieces = (from: readonly (readonly number[])[]) =>
  fc.array(fc.constantFrom(...from), { maxLength: 6 }).map((parts) => parts.flat());
const rflags = fc
  .array(fc.constantFrom(FLAG.cf, FLAG.zf, FLAG.df, FLAG.of, FLAG.ac, FLAG.nt, FLAG.iopl, FLAG.rf, FLAG.tf), {
    maxLength: 2,
  })
  .chain((bits) => fc.boolean().map((masks) => bits.reduce((all, bit) => all | bit, masks ? 2 : 0x202)));

const scene: fc.Arbitrary<TwoSides> = fc.record({
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
  eventRounds: fc.constantFrom(1, 4),
  withPrivilege: fc.nat(7).map((draw) => draw === 0),
  withTableWrites: fc.constant(false),
  masksEvents: fc.boolean(),
  ioPrivilege: fc.constantFrom(0, 1, 1, 3),
});

describe.each(ENGINES)("transition gates in 64-bit code that is %s", (_name, tuning) => {
  test("do what the hypervisor does, to the nanosecond", { timeout: 300_000 }, () => {
    fc.assert(
      fc.property(scene, fc.integer({ min: 2000, max: 8000 }), (given, first) => {
        const stops = [first, first + 7, 20_000].map((after) => SET_UP + after);
        expect(runTwoSides(given, { directGates: true, tuning }, stops)).toEqual(
          runTwoSides(given, REFERENCE, stops),
        );
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
  const [seen] = runTwoSides(PLAIN, { directGates: true, tuning: {} }, [SET_UP + 30_000]) as [
    { registers: string },
  ];
  expect(Number.parseInt(/rbx (\w+)/.exec(seen.registers)?.[1] ?? "", 16)).toBeGreaterThan(100);
});

test("a handler that returns while an event waits is called again, which takes its time", () => {
  const given: TwoSides = {
    ...PLAIN,
    kernel: [...setByte(SHARED + evtchnUpcallMask, 0), ...setByte(SHARED + evtchnUpcallPending, 1)],
    withEvents: true,
    eventRounds: 128,
  };
  const countAfter = (ns: number): number => {
    const [seen] = runTwoSides(given, { directGates: true, tuning: {} }, [SET_UP + ns]) as [
      { memory: readonly string[] },
    ];
    return seen.memory[EVENT_COUNT.page]?.charCodeAt(EVENT_COUNT.offset) ?? 0;
  };
  const rounds = countAfter(40_000) - countAfter(10_000);
  expect(rounds).toBeGreaterThan(35);
  expect(rounds).toBeLessThanOrEqual(30_000 / UPCALL_NS);
});
