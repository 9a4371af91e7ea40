import { entryLow, PTE, VECTOR } from "@xenolith/x86-architecture";
import { toVcpuIndex } from "@xenolith/xen-abi";
import { FLAT_RING1_CS, FLAT_RING1_SS } from "@xenolith/xen-abi/arch-x86";
import { VCPU_INFO } from "@xenolith/xen-abi/shared-info";
import {
  __HYPERVISOR_set_callbacks,
  __HYPERVISOR_set_trap_table,
  __HYPERVISOR_stack_switch,
  __HYPERVISOR_update_va_mapping,
  __HYPERVISOR_vm_assist,
  VMASST_CMD_enable,
  VMASST_TYPE_writable_pagetables,
} from "@xenolith/xen-abi/xen";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { dword, hypercall, int, iret, movImmediate } from "./support/assemble.ts";
import { createTestGuest, page } from "./support/guest.ts";
import { toUser } from "./support/to-user.ts";
import { trapTable } from "./support/trap-table.ts";
import { createMachineFor, ENGINES, REFERENCE, type Way } from "./support/way.ts";

const CODE = page(1);
const SYSTEM_CALL_ENTRY = page(2);
const TRAPS = page(3);
const USER_CODE = page(4);
const EVENT_ENTRY = page(15);
const FAULT_ENTRY = page(16);
const DIVIDE_ENTRY = page(17);
const USER_STACK = page(13);
const SHARED = page(20);
const TABLE = page(21);
const ABSENT = page(29);
const PAGES = 19;
/** One that has a direct gate, and one that has none. */
const SYSTEM_CALLS = [0x80, 0x81] as const;
/** Time by which the first system call is being made. */
const SET_UP_NS = 5000;

const { evtchnUpcallMask, evtchnUpcallPending } = VCPU_INFO.layout.x86_32p;

/** `movb $value, address`, in 7 bytes. */
const setByte = (at: number, value: number): number[] => [0xc6, 0x05, ...dword(at), value];
/** `movzbl address, %edx`, in 7 bytes. */
const loadByte = (at: number): number[] => [0x0f, 0xb6, 0x15, ...dword(at)];

const FAULTS: readonly (readonly number[])[] = [
  loadByte(ABSENT + 8),
  setByte(ABSENT + 8, 1),
  setByte(TABLE + 8 * 40 + 7, 1),
  setByte(TABLE + 8 * 40, 0x27),
  [0x3e, 0xf7, 0x35, ...dword(page(14))], // divl zero
];
const USER_FAULTS: readonly (readonly number[])[] = [
  loadByte(page(5)),
  setByte(SHARED + evtchnUpcallMask, 1),
  [...movImmediate("eax", ABSENT), 0xff, 0xd0], // call *%eax
];
const HARMLESS: readonly (readonly number[])[] = [
  [0x45], // inc %ebp
  [0xf9],
  [0xfd],
  [0x0f, 0x31, 0x01, 0xc3], // rdtsc; add %eax, %ebx
  [0x9c, 0x5a], // pushf; pop %edx
];
const EVENTS: readonly (readonly number[])[] = [
  setByte(SHARED + evtchnUpcallMask, 1),
  setByte(SHARED + evtchnUpcallMask, 0),
  setByte(SHARED + evtchnUpcallMask, 0xfe),
  setByte(SHARED + evtchnUpcallPending, 1),
];

/**
 * Goes on behind an instruction of 7 bytes that faulted, at the address that was to be returned to where ring 3 could fetch none.
 * Counts in EBX.
 */
const FAULT_HANDLER: readonly number[] = [
  ...[0xf6, 0x04, 0x24, 0x10, 0x74, 0x11], // testb $0x10, (%esp); jz .other
  ...[0x8b, 0x44, 0x24, 0x10, 0x8b, 0x00], // mov 16(%esp), %eax; mov (%eax), %eax
  ...[0x89, 0x44, 0x24, 0x04], // mov %eax, 4(%esp)
  ...[0x83, 0x44, 0x24, 0x10, 0x04, 0xeb, 0x05], // addl $4, 16(%esp); jmp .done
  ...[0x83, 0x44, 0x24, 0x04, 0x07], // .other: addl $7, 4(%esp)
  ...[0x83, 0xc4, 0x04, 0x43], // .done: add $4, %esp; inc %ebx
  ...iret,
];
const DIVIDE_HANDLER: readonly number[] = [0x83, 0x04, 0x24, 0x07, 0x43, ...iret];
const EVENT_COUNT = page(14) + 0x100;
/** Counts, and once in so many calls has handled what waits. */
const eventHandler = (rounds: number): readonly number[] => [
  ...[0xfe, 0x05, ...dword(EVENT_COUNT)], // incb count
  ...[0xf6, 0x05, ...dword(EVENT_COUNT), rounds - 1, 0x75, 0x07], // testb $(rounds - 1), count; jnz .return
  ...setByte(SHARED + evtchnUpcallPending, 0),
  ...setByte(SHARED + evtchnUpcallMask, 0),
  ...iret,
];

/** Changes of the kernel's stack, and back. */
const STACKS: readonly (readonly number[])[] = [
  [FLAT_RING1_SS, page(11) + 0x108],
  [FLAT_RING1_SS & ~3, page(11) + 0x208],
  [FLAT_RING1_SS, page(12)],
  [FLAT_RING1_CS, page(11)],
  [0, page(11)],
].map(([selector = 0, pointer = 0]) => hypercall(__HYPERVISOR_stack_switch, selector, pointer));

interface Scene {
  readonly systemCall: (typeof SYSTEM_CALLS)[number];
  readonly kernel: readonly number[];
  readonly user: readonly number[];
  readonly kernelStack: number;
  readonly flags: number;
  readonly withEvents: boolean;
  /** How often the handler of events has to be called until it takes an event for handled, a power of 2. */
  readonly eventRounds: number;
  readonly withTableWrites: boolean;
  readonly masksEvents: boolean;
}

const pieces = (...from: readonly (readonly number[])[]) =>
  fc.array(fc.constantFrom(...from), { maxLength: 6 }).map((parts) => parts.flat());

const scene: fc.Arbitrary<Scene> = fc.record({
  systemCall: fc.constantFrom(...SYSTEM_CALLS),
  kernel: pieces(...FAULTS, ...HARMLESS, ...EVENTS, ...STACKS),
  user: pieces(...FAULTS, ...USER_FAULTS, ...HARMLESS),
  kernelStack: fc.constantFrom(page(11) + 0x108, page(11), page(11) + 8, SHARED + 0x40, page(30)),
  flags: fc.constantFrom(0x202, 0x603, 0x002),
  withEvents: fc.boolean(),
  eventRounds: fc.constantFrom(1, 4),
  withTableWrites: fc.boolean(),
  masksEvents: fc.boolean(),
});

const PLAIN: Scene = {
  systemCall: 0x80,
  kernel: [],
  user: [],
  kernelStack: page(11),
  flags: 0x202,
  withEvents: false,
  eventRounds: 1,
  withTableWrites: false,
  masksEvents: false,
};

/** A process that makes system calls for ever, and its kernel. @returns what there is to see at some points of time */
const run = (given: Scene, way: Way, stops: readonly number[]): readonly unknown[] => {
  const machine = createMachineFor(way);
  const guest = createTestGuest(machine, {
    entry: CODE,
    stackTop: page(9),
    userPages: [4, 12, 14],
    absentPages: [20, 29, 30],
    tablePage: 21,
  });
  const { control } = machine.hypervisor;
  const { kernelStack, flags, masksEvents } = given;
  const shared = entryLow(control.sharedInfoFrame(guest.id), PTE.present | PTE.writable);
  guest.write(
    TRAPS,
    trapTable([
      { vector: given.systemCall, address: SYSTEM_CALL_ENTRY, privilegeLevel: 3 },
      { vector: VECTOR.pageFault, address: FAULT_ENTRY, masksEvents },
      { vector: VECTOR.divideError, address: DIVIDE_ENTRY, masksEvents },
    ]),
  );
  guest.write(CODE, [
    ...hypercall(__HYPERVISOR_set_trap_table, TRAPS),
    ...hypercall(__HYPERVISOR_update_va_mapping, SHARED, shared, 0, 0),
    ...(given.withEvents
      ? hypercall(__HYPERVISOR_set_callbacks, FLAT_RING1_CS, EVENT_ENTRY, FLAT_RING1_CS, EVENT_ENTRY)
      : []),
    ...(given.withTableWrites
      ? hypercall(__HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_writable_pagetables)
      : []),
    ...toUser({ instructionPointer: USER_CODE, stackPointer: USER_STACK, flags, kernelStack }),
  ]);
  const user = [...given.user, ...int(given.systemCall)];
  guest.write(USER_CODE, [...user, 0xe9, ...dword(-(user.length + 5))]);
  guest.write(SYSTEM_CALL_ENTRY, [...given.kernel, ...iret]);
  guest.write(EVENT_ENTRY, eventHandler(given.eventRounds));
  guest.write(FAULT_ENTRY, FAULT_HANDLER);
  guest.write(DIVIDE_ENTRY, DIVIDE_HANDLER);
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

describe.each(ENGINES)("exceptions of 32-bit code that is %s", (_name, tuning) => {
  test("enter the kernel as the hypervisor has them do, to the nanosecond", { timeout: 300_000 }, () => {
    fc.assert(
      fc.property(scene, fc.integer({ min: 500, max: 4000 }), (given, first) => {
        const stops = [first, first + 7, first + 508, 9000].map((after) => SET_UP_NS + after);
        expect(run(given, { directGates: true, tuning }, stops)).toEqual(run(given, REFERENCE, stops));
      }),
      { numRuns: 16 },
    );
  });
});

test("the faults are worth comparing: they are counted", () => {
  const count = (given: Scene): number => {
    const [seen] = run(given, { directGates: true, tuning: {} }, [SET_UP_NS + 20_000]) as [
      { registers: string },
    ];
    return Number.parseInt(/ebx (\w+)/.exec(seen.registers)?.[1] ?? "", 16);
  };
  const none = count(PLAIN);
  for (const fault of FAULTS)
    expect(count({ ...PLAIN, kernel: fault, user: fault })).toBeGreaterThan(none + 15);
  for (const fault of USER_FAULTS) expect(count({ ...PLAIN, user: fault })).toBeGreaterThan(none + 15);
});
