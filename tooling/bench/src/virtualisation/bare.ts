import { createMachineMemory } from "@xenolith/machine";
import { toMfn } from "@xenolith/machine-interface";
import { createAddressTranslator } from "@xenolith/mmu";
import { dword, movImmediate, pushImmediate } from "@xenolith/system-tests/hypervisor";
import { CR0, CR4, PTE, REGISTER, SEGMENT } from "@xenolith/x86-architecture";
import { createBareProcessor } from "@xenolith/x86-cpu";
import { COMPUTE_PAGE, compute, count, forever, skipInstruction, touch } from "./programs.ts";

/** Runs a batch of instructions and tells how many operations have been counted since the start. */
export type RunBatch = () => number;

const CODE = 0x1000;
const HANDLER = 0x2000;
const COUNTER = 0x3000;
const TABLES = 0x4000;
const SCRATCH = 0x5000;
const USER_CODE = 0x6000;
/** Page directory of a second process, with the same pages. */
const OTHER_DIRECTORY = 0x7000;
/** Directory of the process that comes next. */
const NEXT = SCRATCH + 0x800;
const DIRECTORY = 0x8000;
const LEVEL_1 = 0x9000;
const STACK = 0x1_0000;
/** The first address that is not mapped, and one whose entry is in {@link LEVEL_1}. */
const ABSENT = 0x80_0000;
const PAGED = 0x40_0000;
const BATCH = 200_000;
const COMPUTE_BATCH = 20_000_000;

const SELECTOR = { code0: 0x08, data0: 0x10, code3: 0x1b, data3: 0x23, task: 0x28 } as const;
const FLAT = { base: 0, limit: 0xffff_ffff };

/** Descriptor table, task state and interrupt gates, all in one page. */
const writeTables = (view: DataView): void => {
  const flat = (privilege: number, isCode: boolean): bigint =>
    0x00cf_0000_0000_ffffn | (BigInt(0x90 | (privilege << 5) | (isCode ? 0xb : 3)) << 40n);
  const task = TABLES + 0x400;
  const descriptors = [
    0n,
    flat(0, true),
    flat(0, false),
    flat(3, true),
    flat(3, false),
    0x0000_8900_0000_0067n | (BigInt(task) << 16n),
  ];
  for (const [index, descriptor] of descriptors.entries())
    view.setBigUint64(TABLES + 8 * index, descriptor, true);
  view.setUint32(task + 4, STACK, true);
  view.setUint32(task + 8, SELECTOR.data0, true);
  const gates = TABLES + 0x800;
  for (const vector of [14, 0x80]) {
    view.setUint32(gates + 8 * vector, HANDLER | (SELECTOR.code0 << 16), true);
    view.setUint32(gates + 8 * vector + 4, 0xee00, true);
  }
  view.setUint16(TABLES + 0x100, 8 * descriptors.length - 1, true);
  view.setUint32(TABLES + 0x102, TABLES, true);
  view.setUint16(TABLES + 0x110, 8 * 0x81 - 1, true);
  view.setUint32(TABLES + 0x112, gates, true);
};

/** Loads the tables: lgdt, lidt, ltr. */
const loadTables: readonly number[] = [
  ...[0x0f, 0x01, 0x15, ...dword(TABLES + 0x100), 0x0f, 0x01, 0x1d, ...dword(TABLES + 0x110)],
  ...[...movImmediate("eax", SELECTOR.task), 0x0f, 0x00, 0xd8],
];

/** Goes to ring 3. */
const toUser: readonly number[] = [
  ...[SELECTOR.data3, STACK - 0x1000, 2, SELECTOR.code3, USER_CODE].flatMap(pushImmediate),
  0xcf,
];

/** A machine without a hypervisor that runs `code` in ring 0, with paging: the first 4 MiB and one page behind are there. */
const machineOf = (
  code: readonly number[],
  handler: readonly number[],
  user: readonly number[],
  batch: number = BATCH,
): RunBatch => {
  const memory = createMachineMemory({ ramBytes: 4 << 20, reserveBytes: 32 << 20 });
  const translator = createAddressTranslator({ memory });
  const vcpu = createBareProcessor({ memory, translator, ports: { read: () => 0xff, write: () => {} } });
  const { context } = vcpu;
  const { view, bytes } = memory;
  writeTables(view);
  bytes.set([...loadTables, ...code], CODE);
  bytes.set(handler, HANDLER);
  bytes.set(user, USER_CODE);
  const all = PTE.present | PTE.writable | PTE.user;
  view.setUint32(DIRECTORY, all | PTE.large, true);
  view.setUint32(DIRECTORY + 4, LEVEL_1 | all, true);
  bytes.copyWithin(OTHER_DIRECTORY, DIRECTORY, DIRECTORY + 8);
  view.setUint32(NEXT, OTHER_DIRECTORY, true);
  view.setUint32(LEVEL_1, SCRATCH | all, true);
  for (let frame = 0; frame < 16; frame++) memory.written(toMfn(frame), 0, 4096);
  context.setControl(4, CR4.pse);
  context.setControl(3, DIRECTORY);
  context.setControl(0, (CR0.pe | CR0.et | CR0.pg | CR0.wp) >>> 0);
  context.setSegment(SEGMENT.cs, { ...FLAT, selector: SELECTOR.code0, attributes: 0xc09b });
  for (const segment of [SEGMENT.ss, SEGMENT.ds, SEGMENT.es])
    context.setSegment(segment, { ...FLAT, selector: SELECTOR.data3, attributes: 0xc0f3 });
  context.setSegment(SEGMENT.ss, { ...FLAT, selector: SELECTOR.data0, attributes: 0xc093 });
  context.setRegister(REGISTER.rsp, STACK);
  context.instructionPointer = CODE;
  return () => {
    vcpu.run(batch);
    return view.getUint32(COUNTER, true);
  };
};

/** `xorl $0x200, LEVEL_1`: changes a bit of a page-table entry that is software's. */
const changeEntry: readonly number[] = [0x81, 0x35, ...dword(LEVEL_1), ...dword(0x200)];

/** Goes to the other process: mov NEXT, %eax; mov %eax, %cr3; xorl $…, NEXT; incl COUNTER; iret. */
const switchProcess: readonly number[] = [
  ...[0xa1, ...dword(NEXT), 0x0f, 0x22, 0xd8],
  ...[0x81, 0x35, ...dword(NEXT), ...dword(DIRECTORY ^ OTHER_DIRECTORY)],
  ...count(COUNTER),
  0xcf,
];

/** What the same things take without a hypervisor, by name. */
export const BARE: Readonly<Record<string, () => RunBatch>> = {
  compute: () =>
    machineOf([...movImmediate(COMPUTE_PAGE, SCRATCH), ...compute(COUNTER)], [], [], COMPUTE_BATCH),
  "system call": () => machineOf(toUser, [0xcf], forever([0xcd, 0x80], count(COUNTER))),
  "page fault": () =>
    machineOf([...movImmediate("ebx", ABSENT), ...forever(touch, count(COUNTER))], skipInstruction, []),
  "page fault and update": () =>
    machineOf(
      [
        ...movImmediate("ebx", PAGED),
        // movl $0, LEVEL_1; invlpg (%ebx): then a touch that faults, and the entry is put back.
        ...forever([0xc7, 0x05, ...dword(LEVEL_1), ...dword(0), 0x0f, 0x01, 0x3b], touch, count(COUNTER)),
      ],
      [
        0xc7,
        0x05,
        ...dword(LEVEL_1),
        ...dword(SCRATCH | PTE.present | PTE.writable | PTE.user),
        0x83,
        0xc4,
        0x04,
        0xcf,
      ],
      [],
    ),
  "update of an entry": () => machineOf(forever(changeEntry, count(COUNTER)), [], []),
  "context switch": () => machineOf(toUser, switchProcess, forever([0xcd, 0x80])),
  "change of page-table base": () =>
    machineOf([...movImmediate("eax", DIRECTORY), ...forever([0x0f, 0x22, 0xd8], count(COUNTER))], [], []),
};
