import { createEntropy } from "@xenolith/machine";
import { toNanoseconds } from "@xenolith/machine-interface";
import {
  __HYPERVISOR_sched_op,
  __HYPERVISOR_sched_op_compat,
  __HYPERVISOR_set_trap_table,
} from "@xenolith/xen-abi/xen";
import { expect, it } from "vitest";
import { movImmediate64, PUSH_RAX, type Register64, SYSCALL } from "../hypervisor/support/assemble-64.ts";
import { createTestGuest, page } from "../hypervisor/support/guest.ts";
import { createTestMachine } from "../hypervisor/support/machine.ts";
import { trapTable } from "../hypervisor/support/trap-table.ts";

const CODE = page(1);
const HANDLER = page(5);
const TRAPS = page(8);
const STACK_TOP = page(12);
const CODE_BYTES = 3 * 4096;
const KERNELS = 16;
const RUN_NS = 60_000;

const STUB_BYTES = 32;
/** `jmp *%rcx` */
const JUMP_RCX = [0xff, 0xe1];
const CALLS = Array.from({ length: 49 }, (_, number) => number).filter(
  (number) => number !== __HYPERVISOR_sched_op && number !== __HYPERVISOR_sched_op_compat,
);

const REGISTERS: readonly Register64[] = ["rax", "rcx", "rdx", "rbx", "rsi", "rdi", "r8", "r9", "r10", "r11"];

/** Instructions that lead to the monitor, or that it has to emulate. */
const INSTRUCTIONS: readonly (readonly number[])[] = [
  SYSCALL,
  [0x0f, 0x34], // sysenter
  [0x0f, 0x05],
  [0x0f, 0x0b, 0x78, 0x65, 0x6e, 0x0f, 0xa2], // the forced-emulation prefix and cpuid
  [0x0f, 0xa2], // cpuid
  [0x0f, 0x30], // wrmsr
  [0x0f, 0x32], // rdmsr
  [0x0f, 0x22, 0xd8], // mov %rax, %cr3
  [0x0f, 0x22, 0xd0], // mov %rax, %cr2
  [0x0f, 0x20, 0xc1], // mov %cr0, %rcx
  [0x0f, 0x23, 0xc0], // mov %rax, %db0
  [0x0f, 0x23, 0xf8], // mov %rax, %db7
  [0x0f, 0x21, 0xc2], // mov %db0, %rdx
  [0xf3, 0x6c], // rep insb
  [0xee], // out
  [0xfa], // cli
  [0xf4], // hlt
  [0x48, 0xcf], // iretq
  [0x0f, 0x01, 0xf8], // swapgs
  [0x48, 0x0f, 0x07], // sysretq
  [0xcd, 0x80],
  [0xcd, 0x82],
  [0xcc],
  [0x8e, 0xe0], // mov %eax, %fs
  [0x8e, 0xe8], // mov %eax, %gs
  [0x48, 0x87, 0x20], // xchg %rsp, (%rax)
  [0x48, 0x89, 0xc4], // mov %rax, %rsp
  [0xff, 0xe0], // jmp *%rax
  [0x65, 0x48, 0x8b, 0x00], // mov %gs:(%rax), %rax
];

it("whatever a 64-bit kernel does, nothing throws and every count of frames is right", {
  timeout: 60_000,
}, () => {
  for (let kernel = 0; kernel < KERNELS; kernel++) {
    const machine = createTestMachine();
    const guest = createTestGuest(machine, {
      width: "x86_64",
      entry: CODE,
      stackTop: STACK_TOP,
      tablePage: 30,
      absentPages: [20],
    });
    const entropy = createEntropy(kernel + 1);
    const below = (limit: number): number => entropy.below(limit);
    const pick = <Value>(list: readonly Value[]): Value => list[below(list.length)] as Value;
    const values: readonly (() => number | bigint)[] = [
      () => below(64),
      () => page(below(40)) + 8 * below(512),
      () => pick(guest.frames),
      () => (guest.root ?? 0) * 4096 + 8 * below(512),
      () => guest.userRoot ?? 0,
      () => BigInt(entropy.next32()) * 0x1_0000_0001n,
      () => 0xffff_8000_0000_0000n + BigInt(below(1 << 20)),
      () => 0x0000_7fff_ffff_fff8n,
      () => 0x8000_0000_0000n,
      () => 0xffff_ffff_ffff_fff0n,
      () =>
        pick([0xc000_0100, 0xc000_0101, 0xc000_0102, 0xe033, 0xe02b, 0xe030, 0x7ff0, 1, 2, 3, 23, 26, 32]),
    ];
    const value = (): number | bigint => pick(values)();
    /** Any hypercall but those that end it all, or sleep for ever. */
    const call = (): number => pick(CALLS);
    const instruction = (): readonly number[] => {
      switch (below(4)) {
        case 0:
          return [...movImmediate64("rax", call()), ...SYSCALL];
        case 1:
          return movImmediate64(pick(REGISTERS), value());
        case 2:
          return [...movImmediate64("rax", value()), ...PUSH_RAX];
        default:
          return below(8) === 0 ? [below(256), below(256), below(256)] : pick(INSTRUCTIONS);
      }
    };
    const code: number[] = [];
    while (code.length < CODE_BYTES) code.push(...instruction());
    guest.write(CODE, code.slice(0, CODE_BYTES));
    // Each handler starts again somewhere in the code, with a good stack.
    const vectors = Array.from({ length: 20 }, (_, vector) => {
      const address = HANDLER + STUB_BYTES * vector;
      const target = CODE + below(CODE_BYTES);
      guest.write(address, [
        ...movImmediate64("rsp", STACK_TOP),
        ...movImmediate64("rcx", target),
        ...JUMP_RCX,
      ]);
      return { vector, address, privilegeLevel: below(4) };
    });
    guest.write(TRAPS, trapTable(vectors, "x86_64"));
    const setTraps = [...movImmediate64("rdi", TRAPS), ...movImmediate64("rax", __HYPERVISOR_set_trap_table)];
    guest.write(CODE, [...setTraps, ...SYSCALL]);
    guest.start();
    machine.runUntil(toNanoseconds(RUN_NS));
    expect(machine.hypervisor.frames.checkInvariants()).toEqual([]);
    expect(machine.hypervisor.control.describe(guest.id)).not.toBeNull();
  }
});
