import { FLAG, VECTOR } from "@xenolith/x86-architecture";
import {
  FLAT_RING1_CS,
  FLAT_RING1_SS,
  FLAT_RING3_CS,
  FLAT_RING3_DS,
  FLAT_RING3_SS,
} from "@xenolith/xen-abi/arch-x86";
import { CALLBACKOP_register, CALLBACKTYPE_sysenter } from "@xenolith/xen-abi/callback";
import { VCPU_INFO } from "@xenolith/xen-abi/shared-info";
import {
  __HYPERVISOR_callback_op,
  __HYPERVISOR_iret,
  __HYPERVISOR_set_trap_table,
  __HYPERVISOR_stack_switch,
} from "@xenolith/xen-abi/xen";
import { describe, expect, test } from "vitest";
import { hypercall, int, iret, load, movImmediate, pushImmediate, spin, store } from "./support/assemble.ts";
import { createTestGuest, page, type TestGuest, type TestGuestOptions } from "./support/guest.ts";
import { createTestMachine, type TestMachine } from "./support/machine.ts";
import { type Trap, trapTable } from "./support/trap-table.ts";

const CODE = page(1);
const HANDLER = page(2);
const TRAPS = page(3);
const USER_CODE = page(4);
const STACK_TOP = page(9);
const KERNEL_STACK = page(11);
const USER_STACK = page(13);
const ABSENT = page(20);

interface Outcome {
  readonly machine: TestMachine;
  readonly guest: TestGuest;
  readonly crash: { readonly reason: string; readonly registers: string } | null;
}

/** Runs code in ring 1 with a trap table; the handler is what the test gives, by default a spin. */
const run = (
  code: readonly number[],
  traps: readonly Trap[],
  options: Partial<TestGuestOptions> & {
    readonly handler?: readonly number[];
    readonly user?: readonly number[];
    readonly prepare?: (guest: TestGuest) => void;
  } = {},
): Outcome => {
  const machine = createTestMachine();
  const guest = createTestGuest(machine, {
    entry: CODE,
    stackTop: STACK_TOP,
    absentPages: [20],
    userPages: [4, 12],
    ...options,
  });
  guest.write(TRAPS, trapTable(traps));
  guest.write(CODE, [...hypercall(__HYPERVISOR_set_trap_table, TRAPS), ...code, ...spin]);
  guest.write(HANDLER, options.handler ?? spin);
  guest.write(USER_CODE, options.user ?? spin);
  options.prepare?.(guest);
  guest.start();
  machine.runUntil(10_000);
  return { machine, guest, crash: machine.hypervisor.control.describe(guest.id)?.crash ?? null };
};

const words = (guest: TestGuest, at: number, count: number): number[] =>
  Array.from({ length: count }, (_, index) => guest.readUint32(at + 4 * index));

/** Length of the set_trap_table call in front of the code. */
const PROLOGUE = hypercall(__HYPERVISOR_set_trap_table, TRAPS).length;

/** Flags a kernel starts with: reserved bit and IF. */
const PLAIN_FLAGS = FLAG.fixed | FLAG.if;

const MOV_EAX_TO_DS: readonly number[] = [0x8e, 0xd8];

/** Enters ring 3 through the iret hypercall, with a data segment that may be kept there. */
const toUser: readonly number[] = [
  ...movImmediate("eax", FLAT_RING3_DS),
  ...MOV_EAX_TO_DS,
  ...hypercall(__HYPERVISOR_stack_switch, FLAT_RING1_SS, KERNEL_STACK),
  ...pushImmediate(FLAT_RING3_SS),
  ...pushImmediate(USER_STACK),
  ...pushImmediate(PLAIN_FLAGS),
  ...pushImmediate(FLAT_RING3_CS),
  ...pushImmediate(USER_CODE),
  ...pushImmediate(0x1234),
  ...movImmediate("eax", __HYPERVISOR_iret),
  ...int(0x82),
];

describe("an exception in ring 1", () => {
  test("pushes eip, cs with the upcall mask, eflags on the kernel's own stack", () => {
    const { guest, crash } = run([0x0f, 0x0b], [{ vector: VECTOR.invalidOpcode, address: HANDLER }]);
    expect(crash).toBeNull();
    // Upcalls are masked from the start: the mask shows in the CS slot and as IF clear.
    expect(words(guest, STACK_TOP - 12, 3)).toEqual([CODE + PROLOGUE, FLAT_RING1_CS | (1 << 16), FLAG.fixed]);
  });

  test("has the error code in front where the vector has one", () => {
    const hlt = 0xf4;
    const { guest } = run([hlt], [{ vector: VECTOR.generalProtection, address: HANDLER }]);
    expect(words(guest, STACK_TOP - 16, 2)).toEqual([0, CODE + PROLOGUE]);
  });

  test("leaves the address of a page fault in vcpu_info", () => {
    const { guest, machine } = run(load("eax", ABSENT + 4), [{ vector: VECTOR.pageFault, address: HANDLER }]);
    const shared = machine.hypervisor.control.sharedInfoFrame(guest.id) * 4096;
    const cr2 = machine.memory.view.getUint32(shared + VCPU_INFO.layout.x86_32p.cr2, true);
    expect(cr2).toBe(ABSENT + 4);
    expect(words(guest, STACK_TOP - 16, 2)).toEqual([0, CODE + PROLOGUE]);
  });

  test("returns by a native IRET, which leaves the upcall mask alone", () => {
    const ud2Skipping = [0x83, 0x04, 0x24, 0x02, ...iret];
    const { guest, crash } = run(
      [0x0f, 0x0b, ...movImmediate("ecx", 77), ...store("ecx", page(14))],
      [{ vector: VECTOR.invalidOpcode, address: HANDLER }],
      { handler: ud2Skipping },
    );
    expect(crash).toBeNull();
    expect(guest.readUint32(page(14))).toBe(77);
  });

  test("without a handler ends the domain with reason and registers", () => {
    const { crash } = run([0x0f, 0x0b], []);
    expect(crash?.reason).toBe("invalid opcode cannot be delivered: there is no handler");
    expect(crash?.registers).toContain(
      `eip ${FLAT_RING1_CS.toString(16)}:${(CODE + PROLOGUE).toString(16).padStart(8, "0")}`,
    );
  });

  test("with a stack that is not mapped ends the domain", () => {
    const { crash } = run([0x0f, 0x0b], [{ vector: VECTOR.invalidOpcode, address: HANDLER }], {
      stackTop: ABSENT + 8,
    });
    expect(crash?.reason).toContain("the frame cannot be written");
  });
});

describe("a transfer from ring 3", () => {
  test("by iret takes EAX from the frame and unmasks events by IF", () => {
    const { guest, machine, crash } = run(toUser, [], { user: [...store("eax", page(12)), ...spin] });
    expect(crash).toBeNull();
    expect(guest.readUint32(page(12))).toBe(0x1234);
    const shared = machine.hypervisor.control.sharedInfoFrame(guest.id) * 4096;
    expect(machine.memory.bytes[shared + VCPU_INFO.layout.x86_32p.evtchnUpcallMask]).toBe(0);
  });

  test("empties data segments that only the kernel may use", () => {
    const { guest } = run(
      [...movImmediate("eax", FLAT_RING1_SS), ...MOV_EAX_TO_DS, ...toUser.slice(7)],
      [{ vector: VECTOR.generalProtection, address: HANDLER }],
      { user: load("eax", page(12)) },
    );
    expect(words(guest, KERNEL_STACK - 24, 2)).toEqual([0, USER_CODE]);
  });

  const systemCall = [0x90, ...int(0x80)];
  const expectedFrame = [
    USER_CODE + systemCall.length,
    FLAT_RING3_CS,
    PLAIN_FLAGS,
    USER_STACK,
    FLAT_RING3_SS,
  ];

  test("by the fast gate uses the stack of stack_switch", () => {
    const { guest, crash } = run(toUser, [{ vector: 0x80, address: HANDLER, privilegeLevel: 3 }], {
      user: systemCall,
    });
    expect(crash).toBeNull();
    expect(words(guest, KERNEL_STACK - 20, 5)).toEqual(expectedFrame);
  });

  test("through a gate that masks events makes the same frame and sets the mask", () => {
    const { guest, machine } = run(
      toUser,
      [{ vector: 0x80, address: HANDLER, privilegeLevel: 3, masksEvents: true }],
      { user: systemCall },
    );
    expect(words(guest, KERNEL_STACK - 20, 5)).toEqual(expectedFrame);
    const shared = machine.hypervisor.control.sharedInfoFrame(guest.id) * 4096;
    expect(machine.memory.bytes[shared + VCPU_INFO.layout.x86_32p.evtchnUpcallMask]).toBe(1);
  });

  test.each([0, 1, 2])(
    "through a gate of level %i is a general protection fault that names the gate",
    (privilegeLevel) => {
      const { guest } = run(
        toUser,
        [
          { vector: 0x80, address: HANDLER, privilegeLevel },
          { vector: VECTOR.generalProtection, address: HANDLER },
        ],
        { user: systemCall },
      );
      expect(words(guest, KERNEL_STACK - 24, 3)).toEqual([(0x80 << 3) | 2, USER_CODE + 1, FLAT_RING3_CS]);
    },
  );

  test("by the hypercall vector is refused: ring 3 makes no hypercalls", () => {
    const { guest } = run(toUser, [{ vector: VECTOR.generalProtection, address: HANDLER }], {
      user: int(0x82),
    });
    expect(words(guest, KERNEL_STACK - 24, 2)).toEqual([(0x82 << 3) | 2, USER_CODE]);
  });

  test("in a page fault has the user bit in the error code", () => {
    const { guest } = run(toUser, [{ vector: VECTOR.pageFault, address: HANDLER }], {
      user: load("eax", CODE),
    });
    expect(words(guest, KERNEL_STACK - 24, 2)).toEqual([5, USER_CODE]);
  });
});

describe("an iret whose frame is no good", () => {
  const iretTo = (selector: number): readonly number[] => [
    ...pushImmediate(PLAIN_FLAGS),
    ...pushImmediate(selector),
    ...pushImmediate(CODE),
    ...pushImmediate(0),
    ...movImmediate("eax", __HYPERVISOR_iret),
    ...int(0x82),
  ];

  test("that names ring 0 ends the domain", () => {
    expect(run(iretTo(0xe018), []).crash?.reason).toBe("iret to ring 0");
  });

  test("with a selector that names no code faults at its target", () => {
    const { guest } = run(iretTo(FLAT_RING1_SS), [{ vector: VECTOR.generalProtection, address: HANDLER }]);
    expect(words(guest, STACK_TOP - 16, 3)).toEqual([FLAT_RING1_SS & 0xfffc, CODE, FLAT_RING1_SS]);
  });

  test("that cannot be read ends the domain", () => {
    const { crash } = run(
      [...movImmediate("esp", ABSENT), ...movImmediate("eax", __HYPERVISOR_iret), ...int(0x82)],
      [],
    );
    expect(crash?.reason).toBe("iret from a frame that cannot be read");
  });
});

describe("what the kernel asks of the processor", () => {
  const CR4_TSD = 4;
  /** mov cr4, eax */
  const SET_CR4: readonly number[] = [0x0f, 0x22, 0xe0];
  const RDTSC: readonly number[] = [0x0f, 0x31];
  /** Notes that the handler ran, and its frame's error code and instruction pointer. */
  const note: readonly number[] = [...movImmediate("eax", 0x77), ...store("eax", page(14)), ...spin];

  test("CR4.TSD refuses RDTSC to user mode, not to itself", () => {
    const disable = [...movImmediate("eax", CR4_TSD), ...SET_CR4, ...RDTSC];
    const { guest, crash } = run(
      [...disable, ...toUser],
      [{ vector: VECTOR.generalProtection, address: HANDLER }],
      { user: [...RDTSC, ...store("eax", page(12)), ...spin], handler: note },
    );
    expect(crash).toBeNull();
    expect([guest.readUint32(page(14)), guest.readUint32(page(12))]).toEqual([0x77, 0]);
  });

  test("INT1 is a debug exception, whatever level the gate has", () => {
    const { guest, crash } = run(toUser, [{ vector: VECTOR.debug, address: HANDLER }], {
      user: [0xf1],
      handler: note,
    });
    expect(crash).toBeNull();
    expect(guest.readUint32(page(14))).toBe(0x77);
  });

  test("a breakpoint that a load of SS holds back is lost when the next instruction leaves to the hypervisor", () => {
    const target = page(15);
    const { guest, crash } = run(
      [
        // mov [target], ss; mov eax, target; mov dr0, eax; mov eax, 0xf0303; mov dr7, eax; mov ss, [target]; int3
        ...[0x8c, 0x15, target & 0xff, (target >>> 8) & 0xff, (target >>> 16) & 0xff, target >>> 24],
        ...[
          ...movImmediate("eax", target),
          0x0f,
          0x23,
          0xc0,
          ...movImmediate("eax", 0xf_0303),
          0x0f,
          0x23,
          0xf8,
        ],
        ...[0x8e, 0x15, target & 0xff, (target >>> 8) & 0xff, (target >>> 16) & 0xff, target >>> 24, 0xcc],
      ],
      [{ vector: VECTOR.breakpoint, address: HANDLER, privilegeLevel: 1 }],
      { handler: note },
    );
    expect(crash).toBeNull();
    expect(guest.readUint32(page(14))).toBe(0x77);
  });
});

describe("SYSENTER of user mode", () => {
  const SYSENTER: readonly number[] = [0x0f, 0x34];
  const REQUEST = page(6);
  const register = hypercall(__HYPERVISOR_callback_op, CALLBACKOP_register, REQUEST);

  const runWith = (code: readonly number[]) =>
    run([...code, ...toUser], [{ vector: VECTOR.generalProtection, address: HANDLER }], {
      user: SYSENTER,
      prepare: (guest) => {
        guest.writeUint32(REQUEST, CALLBACKTYPE_sysenter);
        guest.writeUint32(REQUEST + 4, FLAT_RING1_CS);
        guest.writeUint32(REQUEST + 8, HANDLER);
      },
    });

  test("enters the callback, without where it came from", () => {
    const { guest, crash } = runWith(register);
    expect(crash).toBeNull();
    const frame = words(guest, KERNEL_STACK - 20, 5);
    expect(frame).toEqual([0, 3, PLAIN_FLAGS, 0, FLAT_RING3_SS]);
  });

  test("without a callback is a general protection fault", () => {
    const { guest } = runWith([]);
    expect(words(guest, KERNEL_STACK - 24, 2)).toEqual([0, USER_CODE]);
  });
});
