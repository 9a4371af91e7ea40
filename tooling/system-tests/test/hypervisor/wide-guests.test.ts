import { FLAG, VECTOR } from "@xenolith/x86-architecture";
import { DOMID_SELF, EINVAL, EPERM, toVcpuIndex } from "@xenolith/xen-abi";
import {
  FLAT_RING3_CS64,
  FLAT_RING3_SS64,
  SEGBASE_FS,
  SEGBASE_GS_KERNEL,
  SEGBASE_GS_USER,
  VGCF_in_syscall,
} from "@xenolith/xen-abi/arch-x86";
import { CALLBACK_REGISTER_64, CALLBACKOP_register, CALLBACKTYPE_syscall } from "@xenolith/xen-abi/callback";
import { PHYSDEVOP_set_iopl } from "@xenolith/xen-abi/physdev";
import { VCPU_INFO } from "@xenolith/xen-abi/shared-info";
import {
  __HYPERVISOR_callback_op,
  __HYPERVISOR_get_debugreg,
  __HYPERVISOR_iret,
  __HYPERVISOR_mmuext_op,
  __HYPERVISOR_physdev_op,
  __HYPERVISOR_set_debugreg,
  __HYPERVISOR_set_segment_base,
  __HYPERVISOR_set_trap_table,
  __HYPERVISOR_stack_switch,
  __HYPERVISOR_vm_assist,
  MMUEXT_NEW_USER_BASEPTR,
  MMUEXT_OP,
  VMASST_CMD_enable,
  VMASST_TYPE_m2p_strict,
} from "@xenolith/xen-abi/xen";
import { describe, expect, test } from "vitest";
import { int, spin } from "./support/assemble.ts";
import {
  hypercall64,
  load64,
  loadGs,
  movImmediate64,
  PUSH_RAX,
  push64,
  SYSCALL,
  store64,
} from "./support/assemble-64.ts";
import { createTestGuest, page, type TestGuest } from "./support/guest.ts";
import { createTestMachine, type TestMachine } from "./support/machine.ts";
import { type Trap, trapTable } from "./support/trap-table.ts";

const CODE = page(1);
const HANDLER = page(2);
const TRAPS = page(3);
const USER_CODE = page(4);
const ARGUMENT = page(5);
/** Not a multiple of 16, so that alignment shows. */
const STACK_TOP = page(9) + 8;
const KERNEL_STACK = page(11) + 8;
const USER_STACK = page(13);
const RESULT = page(14);
const ABSENT = page(20);
const SYSCALL_ENTRY = page(15);

/** CS as frames show it where the kernel was interrupted: RPL 0. */
const KERNEL_CS = FLAT_RING3_CS64 & ~3;
const MASKED = 1n << 32n;
const PLAIN_FLAGS = FLAG.fixed | FLAG.if;
/** Registers hold these when the guest's code begins. */
const RCX = 0x1111_2222_3333_4444n;
const R11 = 0xffff_ffff_0000_0001n;
const markRegisters = [...movImmediate64("rcx", RCX), ...movImmediate64("r11", R11)];

interface Outcome {
  readonly machine: TestMachine;
  readonly guest: TestGuest;
  readonly crash: { readonly reason: string; readonly registers: string } | null;
}

interface Program {
  readonly code: readonly number[];
  readonly traps?: readonly Trap[];
  readonly user?: readonly number[];
  readonly handler?: readonly number[];
}

const PROLOGUE = hypercall64(__HYPERVISOR_set_trap_table, TRAPS);

const run = ({ code, traps = [], user = spin, handler = spin }: Program): Outcome => {
  const machine = createTestMachine();
  const options = { width: "x86_64", entry: CODE, stackTop: STACK_TOP, absentPages: [20] } as const;
  const guest = createTestGuest(machine, options);
  const mmuext = new DataView(new ArrayBuffer(MMUEXT_OP.size("x86_64")));
  const command = MMUEXT_NEW_USER_BASEPTR;
  MMUEXT_OP.write(mmuext, 0, "x86_64", { command, arg1: guest.userRoot ?? 0, arg2: 0 });
  guest.write(ARGUMENT, new Uint8Array(mmuext.buffer));
  const callback = new DataView(new ArrayBuffer(CALLBACK_REGISTER_64.size("x86_64")));
  CALLBACK_REGISTER_64.write(callback, 0, "x86_64", {
    type: CALLBACKTYPE_syscall,
    flags: 0,
    address: SYSCALL_ENTRY,
  });
  guest.write(ARGUMENT + 64, new Uint8Array(callback.buffer));
  guest.write(TRAPS, trapTable(traps, "x86_64"));
  guest.write(CODE, [...PROLOGUE, ...code, ...spin]);
  guest.write(HANDLER, handler);
  guest.write(USER_CODE, user);
  guest.write(SYSCALL_ENTRY, spin);
  guest.start();
  machine.runUntil(20_000);
  expect(machine.hypervisor.frames.checkInvariants()).toEqual([]);
  return { machine, guest, crash: machine.hypervisor.control.describe(guest.id)?.crash ?? null };
};

const words = (guest: TestGuest, at: number, count: number): bigint[] =>
  Array.from({ length: count }, (_, index) => guest.read(at + 8 * index, 8).getBigUint64(0, true));

/** A frame below `top`, which is aligned first. */
const frameBelow = (guest: TestGuest, top: number, count: number): bigint[] =>
  words(guest, top - (top % 16) - 8 * count, count);

const setUserBase = hypercall64(__HYPERVISOR_mmuext_op, ARGUMENT, 1, 0, DOMID_SELF);
const setSyscallEntry = hypercall64(__HYPERVISOR_callback_op, CALLBACKOP_register, ARGUMENT + 64);

/** iret with a frame of these values; `rax` is what RAX becomes. */
const iretTo = (target: {
  readonly rip: number | bigint;
  readonly cs?: number;
  readonly flags?: number;
  readonly isInSyscall?: boolean;
}): number[] => [
  ...push64(FLAT_RING3_SS64),
  ...push64(USER_STACK),
  ...push64(target.flags ?? PLAIN_FLAGS),
  ...push64(target.cs ?? FLAT_RING3_CS64),
  ...movImmediate64("rax", target.rip),
  ...PUSH_RAX,
  ...push64(target.isInSyscall === true ? VGCF_in_syscall : 0),
  ...push64(0x77),
  ...push64(0x88),
  ...push64(0x99),
  ...movImmediate64("rax", __HYPERVISOR_iret),
  ...SYSCALL,
];

const toUser = [
  ...setUserBase,
  ...hypercall64(__HYPERVISOR_stack_switch, FLAT_RING3_SS64, KERNEL_STACK),
  ...iretTo({ rip: USER_CODE }),
];

describe("an exception in the kernel of a 64-bit guest", () => {
  const code = [...markRegisters, 0x0f, 0x0b];
  const at = BigInt(CODE + PROLOGUE.length + markRegisters.length);

  test("saves rcx, r11, rip, cs with RPL 0 and the upcall mask, rflags, rsp, ss below an aligned stack", () => {
    const { guest, crash } = run({ code, traps: [{ vector: VECTOR.invalidOpcode, address: HANDLER }] });
    expect(crash).toBeNull();
    const ss = BigInt(FLAT_RING3_SS64);
    expect(frameBelow(guest, STACK_TOP, 7)).toEqual([
      RCX,
      R11,
      at,
      BigInt(KERNEL_CS) | MASKED,
      BigInt(FLAG.fixed),
      BigInt(STACK_TOP),
      ss,
    ]);
  });

  test("has the error code below rip, and no user bit in that of a page fault", () => {
    const traps = [{ vector: VECTOR.pageFault, address: HANDLER }];
    const { guest, machine } = run({ code: load64("rax", ABSENT + 4), traps });
    expect(frameBelow(guest, STACK_TOP, 8).slice(2, 4)).toEqual([0n, BigInt(CODE + PROLOGUE.length)]);
    const shared = machine.hypervisor.control.sharedInfoFrame(guest.id) * 4096;
    expect(machine.memory.view.getBigUint64(shared + VCPU_INFO.layout.x86_64.cr2, true)).toBe(
      BigInt(ABSENT + 4),
    );
  });

  test("without a handler ends the domain", () => {
    expect(run({ code }).crash?.reason).toBe("invalid opcode cannot be delivered: there is no handler");
  });

  test("with a stack in the monitor's range ends the domain", () => {
    const monitor = 0xffff_8000_0000_1000n;
    const onMonitor = [...movImmediate64("rsp", monitor), 0x0f, 0x0b];
    const traps = [{ vector: VECTOR.invalidOpcode, address: HANDLER }];
    expect(run({ code: onMonitor, traps }).crash?.reason).toContain("the frame cannot be written");
  });

  test("clears AC, TF, NT and DF stays", () => {
    // pushfq ; orq $0x44400, (%rsp) ; popfq ; ud2: AC, NT and DF.
    const flags = [0x9c, 0x48, 0x81, 0x0c, 0x24, 0x00, 0x44, 0x04, 0x00, 0x9d, 0x0f, 0x0b];
    const { guest, machine } = run({
      code: flags,
      traps: [{ vector: VECTOR.invalidOpcode, address: HANDLER }],
    });
    expect(Number(frameBelow(guest, STACK_TOP, 3)[0]) & 0x44400).toBe(0x44400);
    const registers = machine.hypervisor.control.dumpRegisters(guest.id, toVcpuIndex(0));
    expect(Number.parseInt(/flags ([0-9a-f]+)/.exec(registers)?.[1] ?? "", 16) & 0x44500).toBe(FLAG.df);
  });
});

describe("iret of a 64-bit guest", () => {
  test("with an RPL of 3 goes to user mode, with rax, rcx and r11 from the frame", () => {
    const user = [...store64("rax", RESULT), ...store64("rcx", RESULT + 8), ...store64("r11", RESULT + 16)];
    const { guest, machine, crash } = run({ code: toUser, user: [...user, ...spin] });
    expect(crash).toBeNull();
    expect(words(guest, RESULT, 3)).toEqual([0x99n, 0x77n, 0x88n]);
    const shared = machine.hypervisor.control.sharedInfoFrame(guest.id) * 4096;
    expect(machine.memory.bytes[shared + VCPU_INFO.layout.x86_64.evtchnUpcallMask]).toBe(0);
  });

  test("with an RPL below 3 stays in the kernel, and so may make hypercalls", () => {
    const user = [...hypercall64(17, 0), ...store64("rax", RESULT), ...spin];
    const { guest } = run({ code: iretTo({ rip: USER_CODE, cs: KERNEL_CS }), user });
    expect(words(guest, RESULT, 1)).toEqual([0x4_0011n]);
  });

  test("with VGCF_in_syscall leaves rcx and r11 as SYSRET does", () => {
    const code = [...setUserBase, ...iretTo({ rip: USER_CODE, isInSyscall: true })];
    const user = [...store64("rcx", RESULT), ...store64("r11", RESULT + 8), ...spin];
    expect(words(run({ code, user }).guest, RESULT, 2)).toEqual([BigInt(USER_CODE), BigInt(PLAIN_FLAGS)]);
  });

  test("to user mode without a page-table base ends the domain", () => {
    expect(run({ code: iretTo({ rip: USER_CODE }) }).crash?.reason).toContain("no page-table base");
  });

  test("from a stack that cannot be read ends the domain", () => {
    const code = [...movImmediate64("rsp", ABSENT), ...movImmediate64("rax", __HYPERVISOR_iret), ...SYSCALL];
    expect(run({ code }).crash?.reason).toBe("iret from a frame that cannot be read");
  });

  test("to an address that is not canonical faults there, with all of it in the frame", () => {
    const rip = 0x1234_5678_9abc_def1n;
    const traps = [{ vector: VECTOR.generalProtection, address: HANDLER }];
    const { guest, crash } = run({ code: iretTo({ rip, cs: KERNEL_CS }), traps });
    expect(crash).toBeNull();
    expect(frameBelow(guest, USER_STACK, 8).slice(2, 5)).toEqual([0n, rip, BigInt(KERNEL_CS)]);
  });

  test("with a selector that names no code faults at its target", () => {
    const traps = [{ vector: VECTOR.generalProtection, address: HANDLER }];
    const { guest } = run({ code: iretTo({ rip: USER_CODE, cs: FLAT_RING3_SS64 & ~3 }), traps });
    const selector = BigInt(FLAT_RING3_SS64 & ~3);
    expect(frameBelow(guest, USER_STACK, 8).slice(2, 5)).toEqual([selector, BigInt(USER_CODE), selector]);
  });
});

describe("user mode of a 64-bit guest", () => {
  test("enters the kernel by SYSCALL through its callback, with return address and flags in rcx and r11", () => {
    const { guest, crash } = run({ code: [...setSyscallEntry, ...toUser], user: SYSCALL });
    expect(crash).toBeNull();
    const back = BigInt(USER_CODE + SYSCALL.length);
    expect(frameBelow(guest, KERNEL_STACK, 7)).toEqual([
      back,
      BigInt(PLAIN_FLAGS),
      back,
      BigInt(FLAT_RING3_CS64),
      BigInt(PLAIN_FLAGS),
      BigInt(USER_STACK),
      BigInt(FLAT_RING3_SS64),
    ]);
  });

  test("without a callback gets #UD at its SYSCALL", () => {
    const traps = [{ vector: VECTOR.invalidOpcode, address: HANDLER }];
    const { guest } = run({ code: toUser, traps, user: SYSCALL });
    expect(frameBelow(guest, KERNEL_STACK, 5)[0]).toBe(BigInt(USER_CODE));
  });

  test("without a callback gets #GP for SYSENTER, which forgets where it was, NT or not", () => {
    // pushfq ; orq $0x4000, (%rsp) ; popfq ; sysenter
    const user = [0x9c, 0x48, 0x81, 0x0c, 0x24, 0x00, 0x40, 0x00, 0x00, 0x9d, 0x0f, 0x34];
    const traps = [{ vector: VECTOR.generalProtection, address: HANDLER }];
    const { guest, crash } = run({ code: toUser, traps, user });
    expect(crash).toBeNull();
    const [error, rip, cs, flags, rsp] = frameBelow(guest, KERNEL_STACK, 6);
    expect([error, rip, cs, rsp]).toEqual([0n, 0n, 3n, 0n]);
    expect(Number(flags) & FLAG.nt).toBe(FLAG.nt);
  });

  test("makes no hypercalls, and has the user bit in its page faults", () => {
    const traps = [{ vector: VECTOR.pageFault, address: HANDLER }];
    const { guest } = run({ code: toUser, traps, user: load64("rax", ABSENT) });
    expect(frameBelow(guest, KERNEL_STACK, 6).slice(0, 3)).toEqual([
      4n,
      BigInt(USER_CODE),
      BigInt(FLAT_RING3_CS64),
    ]);
  });

  test.each([
    [1, (0x80n << 3n) | 2n, 0],
    [3, 0n, 2],
  ])("enters a gate of level %i by INT or not", (privilegeLevel, error, behind) => {
    const traps = [
      { vector: 0x80, address: HANDLER, privilegeLevel },
      { vector: VECTOR.generalProtection, address: HANDLER },
    ];
    const { guest } = run({ code: toUser, traps, user: int(0x80) });
    const frame = frameBelow(guest, KERNEL_STACK, 6);
    expect(frame[1]).toBe(BigInt(USER_CODE + behind));
    if (privilegeLevel === 1) expect(frame[0]).toBe(error);
  });

  test("gets #GP for privileged instructions that the kernel may use", () => {
    const traps = [{ vector: VECTOR.generalProtection, address: HANDLER }];
    const readCr0 = [0x0f, 0x20, 0xc0];
    const { guest } = run({ code: toUser, traps, user: readCr0 });
    expect(frameBelow(guest, KERNEL_STACK, 6).slice(0, 2)).toEqual([0n, BigInt(USER_CODE)]);
    expect(run({ code: readCr0 }).crash).toBeNull();
  });
});

describe("segment bases of a 64-bit guest", () => {
  const setBase = (which: number, base: number | bigint): number[] =>
    hypercall64(__HYPERVISOR_set_segment_base, which, base);

  test("of GS are one for the kernel and one for user mode", () => {
    const read = [...loadGs("rax", 0), ...store64("rax", RESULT)];
    const readUser = [...loadGs("rax", 0), ...store64("rax", RESULT + 8)];
    const code = [
      ...setBase(SEGBASE_GS_KERNEL, RESULT + 0x100),
      ...setBase(SEGBASE_GS_USER, RESULT + 0x200),
      ...movImmediate64("rax", 11),
      ...store64("rax", RESULT + 0x100),
      ...movImmediate64("rax", 22),
      ...store64("rax", RESULT + 0x200),
      ...read,
      ...toUser,
    ];
    expect(words(run({ code, user: [...readUser, ...spin] }).guest, RESULT, 2)).toEqual([11n, 22n]);
  });

  test("are refused where they are not canonical", () => {
    const code = [...setBase(SEGBASE_FS, 1n << 47n), ...store64("rax", RESULT)];
    expect(words(run({ code }).guest, RESULT, 1)).toEqual([BigInt.asUintN(64, BigInt(-EINVAL))]);
  });

  test("may be written as model-specific registers, but only canonical ones", () => {
    const write = (high: number): number[] => [
      ...movImmediate64("rcx", 0xc000_0102),
      ...movImmediate64("rax", 0x1000),
      ...movImmediate64("rdx", high),
      0x0f,
      0x30,
    ];
    const traps = [{ vector: VECTOR.generalProtection, address: HANDLER }];
    const { guest } = run({ code: [...write(0xffff_8800), ...write(0x8000)], traps });
    const at = CODE + PROLOGUE.length + 2 * write(0).length - 2;
    expect(frameBelow(guest, STACK_TOP, 6).slice(0, 2)).toEqual([0n, BigInt(at)]);
  });
});

describe("debug registers of a 64-bit guest", () => {
  const address = 0xffff_ffff_8123_4560n;

  test("hold whole addresses, by hypercall and by MOV", () => {
    const code = [
      ...hypercall64(__HYPERVISOR_set_debugreg, 0, address),
      ...hypercall64(__HYPERVISOR_get_debugreg, 0),
      ...store64("rax", RESULT),
      0x0f,
      0x21,
      0xc0, // mov %db0, %rax
      ...store64("rax", RESULT + 8),
    ];
    expect(words(run({ code }).guest, RESULT, 2)).toEqual([address, address]);
  });

  test("hold none of the monitor's", () => {
    const code = [
      ...hypercall64(__HYPERVISOR_set_debugreg, 0, 0xffff_8000_0000_0000n),
      ...store64("rax", RESULT),
    ];
    expect(words(run({ code }).guest, RESULT, 1)).toEqual([BigInt.asUintN(64, BigInt(-EPERM))]);
  });
});

test("INS of a 64-bit guest stores at all of RDI, whatever ES is", () => {
  const setIopl = [...movImmediate64("rax", 1), ...store64("rax", ARGUMENT + 128)];
  const code = [
    ...setIopl,
    ...hypercall64(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, ARGUMENT + 128),
    ...movImmediate64("rdi", RESULT),
    ...movImmediate64("rcx", 4),
    0xf3,
    0x6c, // rep insb
  ];
  expect(words(run({ code }).guest, RESULT, 1)).toEqual([0xffff_ffffn]);
});

describe("the machine-to-physical table of a 64-bit guest", () => {
  const table = 0xffff_8000_0000_0000n;
  /** `mov (%rbx), %rax` */
  const read = [...movImmediate64("rbx", table), 0x48, 0x8b, 0x03];
  const traps = [{ vector: VECTOR.pageFault, address: HANDLER }];
  const strict = hypercall64(__HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_m2p_strict);

  test("is read by its kernel and, unless it asks for the opposite, by user mode", () => {
    const user = [...read, ...store64("rax", RESULT), ...spin];
    const { guest } = run({ code: [...read, ...store64("rax", RESULT + 8), ...toUser], traps, user });
    const [byUser, byKernel] = words(guest, RESULT, 2);
    expect(byUser).toBe(byKernel);
    expect(byUser).not.toBe(0n);
  });

  test("is not there for user mode with the assist m2p_strict", () => {
    const { guest } = run({ code: [...strict, ...toUser], traps, user: [...read, ...spin] });
    const faulting = BigInt(USER_CODE + movImmediate64("rbx", table).length);
    expect(frameBelow(guest, KERNEL_STACK, 6).slice(0, 2)).toEqual([4n, faulting]);
  });
});
