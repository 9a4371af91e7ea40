import {
  createTestGuest,
  createTestMachine,
  dword,
  hypercall,
  movImmediate,
  page,
  type TestGuest,
  type TestMachine,
  toUser,
  trapTable,
} from "@xenolith/system-tests/hypervisor";
import { entryLow, FLAG, PTE } from "@xenolith/x86-architecture";
import { DOMID_SELF } from "@xenolith/xen-abi";
import { FLAT_RING1_CS } from "@xenolith/xen-abi/arch-x86";
import { EVTCHNOP_bind_ipi, EVTCHNOP_send } from "@xenolith/xen-abi/event-channel";
import { SHARED_INFO, VCPU_INFO } from "@xenolith/xen-abi/shared-info";
import { XENVER_pagesize } from "@xenolith/xen-abi/version";
import {
  __HYPERVISOR_event_channel_op,
  __HYPERVISOR_mmu_update,
  __HYPERVISOR_mmuext_op,
  __HYPERVISOR_set_callbacks,
  __HYPERVISOR_set_trap_table,
  __HYPERVISOR_update_va_mapping,
  __HYPERVISOR_xen_version,
  MMUEXT_NEW_BASEPTR,
  MMUEXT_PIN_L3_TABLE,
  UVMF_INVLPG,
} from "@xenolith/xen-abi/xen";
import type { RunBatch } from "./bare.ts";
import { COMPUTE_PAGE, compute, count, forever, skipInstruction, touch } from "./programs.ts";
import { widePageFault, wideSystemCall } from "./wide.ts";

const CODE = page(1);
const HANDLER = page(2);
const COUNTER = page(3);
const ARGUMENT = page(4);
const SCRATCH = page(5);
const USER_CODE = page(6);
const STACK = page(9);
const KERNEL_STACK = page(11);
const USER_STACK = page(13);
const SHARED = page(20);
const ABSENT = page(21);
/** Requests of a batch, 16 bytes each: eight pages. */
const REQUESTS = page(24);
const BATCH = 2048;
const SYSTEM_CALL = 0x80;
const PAGE_FAULT = 14;
const WIDTH = "x86_32p";
/** Frames of a second PAE root and of the level-2 table of its last slot, which no other root may have. */
const OTHER_TABLES = [40, 41] as const;
/** Bytes of a request of mmuext_op that are apart by one bit of their addresses, and where the next one's address is. */
const REQUEST_BYTES = 16;
const NEXT = SCRATCH + 64;
/** A request to pin the second process' root. */
const PIN = SCRATCH + 128;
/** Virtual time of a batch: short, because what the hypervisor does takes less of it than of ours. */
const SLICE_NS = 100_000;
const COMPUTE_SLICE_NS = 20_000_000;
const MAPPED = PTE.present | PTE.writable;

interface Program {
  /** What the guest runs, once it has its callbacks and traps. */
  readonly code: (guest: TestGuest, shared: number) => readonly number[];
  readonly handler?: (guest: TestGuest, machine: TestMachine) => readonly number[];
  readonly trap?: { readonly vector: number; readonly privilegeLevel?: number };
  readonly user?: readonly number[];
  /** Operations for each count. */
  readonly each?: number;
  readonly sliceNs?: number;
}

const machineOf =
  ({ code, handler, trap, user, each = 1, sliceNs = SLICE_NS }: Program) =>
  (): RunBatch => {
    const machine = createTestMachine({ traces: false });
    const guest = createTestGuest(machine, {
      entry: CODE,
      stackTop: STACK,
      userPages: [6, 12, 3],
      absentPages: [20, 21, ...OTHER_TABLES],
    });
    const { control } = machine.hypervisor;
    const traps = trap === undefined ? [] : [{ ...trap, address: HANDLER }];
    guest.write(ARGUMENT, trapTable(traps));
    guest.write(HANDLER, handler?.(guest, machine) ?? []);
    guest.write(USER_CODE, user ?? []);
    const shared = control.sharedInfoFrame(guest.id);
    guest.write(CODE, [...hypercall(__HYPERVISOR_set_trap_table, ARGUMENT), ...code(guest, shared)]);
    guest.start();
    return () => {
      machine.runUntil(machine.clock.now() + sliceNs);
      const end = control.describe(guest.id)?.crash;
      if (end !== null) throw new Error(`the guest ended: ${JSON.stringify(end)}`);
      return guest.readUint32(COUNTER) * each;
    };
  };

const map = (at: number, low: number): readonly number[] =>
  hypercall(__HYPERVISOR_update_va_mapping, at, low, 0, UVMF_INVLPG);

const frameOf = (guest: TestGuest, at: number): number =>
  entryLow(guest.frames[at / 4096] ?? (0 as never), MAPPED);

const toUserMode = toUser({
  instructionPointer: USER_CODE,
  stackPointer: USER_STACK,
  flags: FLAG.fixed | FLAG.if,
  kernelStack: KERNEL_STACK,
});

/** `movl $0, address` */
const clear = (at: number): readonly number[] => [0xc7, 0x05, ...dword(at), 0, 0, 0, 0];
/** `movb $0, address` */
const clearByte = (at: number): readonly number[] => [0xc6, 0x05, ...dword(at), 0];

const info = VCPU_INFO.layout[WIDTH];

/** Takes the event off and lets others come: what an upcall must do at least. */
const takeEvent: readonly number[] = [
  ...clearByte(SHARED + info.evtchnUpcallPending),
  ...[...clear(SHARED + info.evtchnPendingSel), ...clear(SHARED + SHARED_INFO[WIDTH].evtchnPending)],
  ...[...count(COUNTER), ...clearByte(SHARED + info.evtchnUpcallMask), 0xcf],
];

const sendEvents = (_guest: TestGuest, shared: number): readonly number[] => [
  ...map(SHARED, entryLow(shared as never, MAPPED)),
  ...hypercall(__HYPERVISOR_set_callbacks, FLAT_RING1_CS, HANDLER, FLAT_RING1_CS, HANDLER),
  // The argument of bind_ipi is a VCPU and, given back, a port: the first one, which send then reads.
  ...[...clear(ARGUMENT), ...hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_ipi, ARGUMENT)],
  ...clearByte(SHARED + info.evtchnUpcallMask),
  ...forever(hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_send, ARGUMENT + 4)),
];

/** Fills the requests: one entry of the level-1 table, there and not there in turn. */
const batches = (guest: TestGuest): readonly number[] => {
  const entry = guest.level1 * 4096 + 8 * (ABSENT / 4096);
  for (let index = 0; index < BATCH; index++) {
    guest.writeUint32(REQUESTS + 16 * index, entry);
    guest.writeUint32(REQUESTS + 16 * index + 8, index % 2 === 0 ? frameOf(guest, SCRATCH) : 0);
  }
  return forever(hypercall(__HYPERVISOR_mmu_update, REQUESTS, BATCH, 0, DOMID_SELF), count(COUNTER));
};

const changeBase = (guest: TestGuest): readonly number[] => {
  guest.writeUint32(SCRATCH, MMUEXT_NEW_BASEPTR);
  guest.writeUint32(SCRATCH + 4, guest.root);
  return forever(hypercall(__HYPERVISOR_mmuext_op, SCRATCH, 1, 0, DOMID_SELF), count(COUNTER));
};

/** Makes a second process out of the first one's tables. @returns its root */
const otherProcess = (guest: TestGuest, { memory }: TestMachine): number => {
  const [rootPage, lastPage] = OTHER_TABLES;
  const first = guest.root * 4096;
  guest.write(page(rootPage), memory.bytes.slice(first, first + 24));
  guest.writeUint32(page(rootPage) + 24, entryLow(guest.frames[lastPage] ?? (0 as never), PTE.present));
  return guest.frames[rootPage] ?? 0;
};

/** Goes to the other process: requests for either base lie side by side, and a word says which comes next. */
const switchProcess = (guest: TestGuest, machine: TestMachine): readonly number[] => {
  for (const [index, root] of [otherProcess(guest, machine), guest.root].entries()) {
    guest.writeUint32(SCRATCH + REQUEST_BYTES * index, MMUEXT_NEW_BASEPTR);
    guest.writeUint32(SCRATCH + REQUEST_BYTES * index + 4, root);
  }
  guest.writeUint32(NEXT, SCRATCH);
  guest.writeUint32(PIN, MMUEXT_PIN_L3_TABLE);
  guest.writeUint32(PIN + 4, guest.frames[OTHER_TABLES[0]] ?? 0);
  return [
    ...[0x8b, 0x1d, ...dword(NEXT)], // mov NEXT, %ebx
    ...[...movImmediate("ecx", 1), ...movImmediate("edx", 0), ...movImmediate("esi", DOMID_SELF)],
    ...[...movImmediate("eax", __HYPERVISOR_mmuext_op), 0xcd, 0x82],
    ...[0x81, 0x35, ...dword(NEXT), ...dword(REQUEST_BYTES)], // xorl $16, NEXT
    ...[...count(COUNTER), 0xcf],
  ];
};

/** What things take under the hypervisor, by name. */
export const PARAVIRTUAL: Readonly<Record<string, () => RunBatch>> = {
  compute: machineOf({
    code: () => [...movImmediate(COMPUTE_PAGE, SCRATCH), ...compute(COUNTER)],
    sliceNs: COMPUTE_SLICE_NS,
  }),
  "null hypercall": machineOf({
    code: () => forever(hypercall(__HYPERVISOR_xen_version, 0), count(COUNTER)),
  }),
  "hypercall that leaves": machineOf({
    code: () => forever(hypercall(__HYPERVISOR_xen_version, XENVER_pagesize, 0), count(COUNTER)),
  }),
  "system call": machineOf({
    code: () => toUserMode,
    trap: { vector: SYSTEM_CALL, privilegeLevel: 3 },
    handler: () => [0xcf],
    user: forever([0xcd, SYSTEM_CALL], count(COUNTER)),
  }),
  "system call, 64 bits": wideSystemCall,
  "context switch": machineOf({
    code: () => [...hypercall(__HYPERVISOR_mmuext_op, PIN, 1, 0, DOMID_SELF), ...toUserMode],
    trap: { vector: SYSTEM_CALL, privilegeLevel: 3 },
    handler: switchProcess,
    user: forever([0xcd, SYSTEM_CALL]),
  }),
  "event to upcall": machineOf({ code: sendEvents, handler: () => takeEvent }),
  "page fault": machineOf({
    code: () => [...movImmediate("ebx", ABSENT), ...forever(touch, count(COUNTER))],
    trap: { vector: PAGE_FAULT },
    handler: () => skipInstruction,
  }),
  "page fault, 64 bits": widePageFault,
  "page fault and update": machineOf({
    code: () => forever(map(ABSENT, 0), [...movImmediate("ebx", ABSENT), ...touch], count(COUNTER)),
    trap: { vector: PAGE_FAULT },
    handler: (guest) => [...map(ABSENT, frameOf(guest, SCRATCH)), 0x83, 0xc4, 0x04, 0xcf],
  }),
  "update of an entry": machineOf({ code: batches, each: BATCH }),
  "change of page-table base": machineOf({ code: changeBase }),
};
