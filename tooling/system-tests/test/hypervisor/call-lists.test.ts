import { KERNEL_PAGE_HIGH, PTE, PTE_NX_HIGH } from "@xenolith/x86-architecture";
import type { EngineTuning } from "@xenolith/x86-cpu";
import { DOMID_SELF } from "@xenolith/xen-abi";
import {
  __HYPERVISOR_mmuext_op,
  __HYPERVISOR_multicall,
  __HYPERVISOR_update_va_mapping,
  __HYPERVISOR_vm_assist,
  MMUEXT_NEW_BASEPTR,
  MMUEXT_PIN_L1_TABLE,
  MMUEXT_PIN_L2_TABLE,
  MMUEXT_UNPIN_TABLE,
  MULTICALL_ENTRY,
  UVMF_INVLPG,
  UVMF_TLB_FLUSH,
  VMASST_CMD_enable,
  VMASST_TYPE_writable_pagetables,
} from "@xenolith/xen-abi/xen";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hypercall64, load64, store64 } from "./support/assemble-64.ts";
import { page, type TestGuest } from "./support/guest.ts";
import {
  ABSENT,
  bits,
  entryFor,
  FILLED,
  frameOf,
  READ_ONLY,
  RESULTS,
  runTableGuest,
  type Target,
  usually,
} from "./support/tables.ts";
import { ENGINES, REFERENCE } from "./support/way.ts";

const LISTS = page(5);
const REQUESTS = page(7);
const CALL_BYTES = MULTICALL_ENTRY.size("x86_64");
const REQUEST_BYTES = 24;

/** Changes the entry of a page. */
interface MappingCall {
  readonly index: number;
  readonly target: Target;
  readonly low: number;
  readonly flags: number;
}

/** Makes a page a table, or a table a page, or something else. */
interface TableCall {
  readonly command: number;
  readonly table: Target;
  readonly count: number;
  readonly subject: number;
}

/** A multicall. */
interface List {
  readonly calls: readonly (MappingCall | TableCall)[];
  readonly count: number;
}

const CANDIDATES: readonly Target[] = [
  "filled",
  "filled",
  "unused",
  "page",
  "table",
  "root",
  "none",
  "beyond",
];

const mappingCall: fc.Arbitrary<MappingCall> = fc.record({
  index: fc.oneof(fc.constant(FILLED), fc.constantFrom(...ABSENT, READ_ONLY, 30, 5, 7)),
  target: fc.oneof(
    fc.constant<Target>("filled"),
    fc.constantFrom<Target>("unused", "page", "another", "table"),
  ),
  low: bits(PTE.writable, PTE.user, PTE.accessed).map((some) => some | PTE.present),
  flags: usually(0, UVMF_TLB_FLUSH, UVMF_INVLPG, 3),
});

const tableCall: fc.Arbitrary<TableCall> = fc.record({
  command: fc.oneof(
    fc.constantFrom(MMUEXT_PIN_L1_TABLE, MMUEXT_UNPIN_TABLE),
    usually(MMUEXT_PIN_L1_TABLE, MMUEXT_PIN_L2_TABLE, MMUEXT_NEW_BASEPTR),
  ),
  table: fc.constantFrom(...CANDIDATES),
  count: usually(1, 0),
  subject: usually<number>(DOMID_SELF, 1),
});

const PROTECT: MappingCall = { index: FILLED, target: "filled", low: PTE.present, flags: 0 };
const RELEASE: MappingCall = { ...PROTECT, low: PTE.present | PTE.writable };
const PIN: TableCall = { command: MMUEXT_PIN_L1_TABLE, table: "filled", count: 1, subject: DOMID_SELF };
const UNPIN: TableCall = { ...PIN, command: MMUEXT_UNPIN_TABLE };

/** As Linux makes and frees a table of a process. */
const MADE: List = { calls: [PROTECT, PIN], count: 2 };
const FREED: List = { calls: [UNPIN, RELEASE], count: 2 };

const list: fc.Arbitrary<List> = fc.oneof(
  fc.constantFrom(MADE, FREED),
  fc.record({
    calls: fc.oneof(
      fc.tuple(mappingCall, tableCall),
      fc.tuple(tableCall, mappingCall),
      fc.array(fc.oneof(mappingCall, tableCall), { minLength: 1, maxLength: 3 }),
    ),
    count: usually(2, 1, 0, 3),
  }),
);

/** An entry of the page that may be made a table. */
interface Filling {
  readonly index: number;
  readonly target: Target;
  readonly low: number;
  readonly high: number;
}

const filling: fc.Arbitrary<Filling> = fc.record({
  index: fc.constantFrom(0, 1, 2, 3, 100, 511),
  target: fc.oneof(
    fc.constantFrom<Target>("page", "another", "unused", "another unused"),
    usually<Target>("page", "filled", "table", "root", "none", "beyond", "reserved"),
  ),
  low: fc
    .tuple(usually(PTE.present, 0), bits(PTE.writable, PTE.user, PTE.dirty, PTE.global, 0x200))
    .chain(([present, some]) => usually(0, PTE.writeThrough, PTE.large).map((odd) => present | some | odd)),
  high: bits(PTE_NX_HIGH, KERNEL_PAGE_HIGH),
});

const writeWords = (guest: TestGuest, at: number, words: readonly (number | bigint)[]): void => {
  const view = new DataView(new ArrayBuffer(8 * words.length));
  for (const [index, word] of words.entries()) view.setBigInt64(8 * index, BigInt(word), true);
  guest.write(at, new Uint8Array(view.buffer));
};

/** Makes the calls one after the other. @returns all there is to see then */
const run = (
  lists: readonly List[],
  fillings: readonly Filling[],
  directGates: boolean,
  tuning: EngineTuning,
  instructionNs = 1,
) =>
  runTableGuest({ directGates, tuning, instructionNs }, (guest) => {
    for (const { index, target, low, high } of fillings)
      writeWords(guest, page(FILLED) + 8 * index, [entryFor(guest, target, low, high)]);
    const code = lists.flatMap(({ calls, count }, index) => {
      const at = LISTS + 3 * CALL_BYTES * index;
      for (const [position, call] of calls.entries()) {
        const request = REQUESTS + REQUEST_BYTES * (3 * index + position);
        const isTable = "command" in call;
        if (isTable) writeWords(guest, request, [call.command, frameOf(guest, call.table), 0]);
        const words = isTable
          ? [__HYPERVISOR_mmuext_op, 0x5555, request, call.count, 0, call.subject]
          : [
              __HYPERVISOR_update_va_mapping,
              0x5555,
              page(call.index),
              entryFor(guest, call.target, call.low, 0),
              call.flags,
            ];
        writeWords(guest, at + CALL_BYTES * position, words);
      }
      return [
        ...hypercall64(__HYPERVISOR_multicall, at, count),
        ...store64("rax", RESULTS + 8 * index),
        ...[0, 1].flatMap((position) => [
          ...load64("rax", at + CALL_BYTES * position + 8),
          ...store64("rax", RESULTS + 8 * (100 + 2 * index + position)),
        ]),
      ];
    });
    return [
      ...hypercall64(__HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_writable_pagetables),
      ...code,
    ];
  });

describe.each(ENGINES)(
  "multicalls about a table, made without the hypervisor in code that is %s",
  (_name, tuning) => {
    test("do what the hypervisor does, to the nanosecond", { timeout: 300_000 }, () => {
      fc.assert(
        fc.property(
          fc.array(list, { minLength: 1, maxLength: 12 }),
          fc.array(filling, { maxLength: 4 }),
          usually(1, 5, 7),
          (lists, fillings, instructionNs) => {
            const { seen } = run(lists, fillings, true, tuning, instructionNs);
            expect(seen).toEqual(run(lists, fillings, false, REFERENCE.tuning, instructionNs).seen);
          },
        ),
        { numRuns: 30 },
      );
    });

    test("are left to the processor where a table is made, and where it ceases to be one", () => {
      const fillings = [0, PTE.user, PTE.writable, PTE.user | PTE.writable].map((bit, index) => ({
        index: 3 * index,
        target: (["page", "another unused"] as const)[index % 2] ?? "page",
        low: PTE.present | bit,
        high: 0,
      }));
      const lists = [MADE, FREED, MADE, FREED];
      const [fast, reference] = [
        run(lists, fillings, true, tuning),
        run(lists, fillings, false, REFERENCE.tuning),
      ];
      expect(fast.seen).toEqual(reference.seen);
      expect(reference.updates - fast.updates).toBe(lists.length);
    });
  },
);
