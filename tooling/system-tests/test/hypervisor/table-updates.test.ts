import { frameAddress } from "@xenolith/machine-interface";
import { KERNEL_PAGE_HIGH, PTE, PTE_NX_HIGH } from "@xenolith/x86-architecture";
import type { EngineTuning } from "@xenolith/x86-cpu";
import { DOMID_IO, DOMID_SELF } from "@xenolith/xen-abi";
import { __HYPERVISOR_mmu_update, MMU_PT_UPDATE_PRESERVE_AD } from "@xenolith/xen-abi/xen";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hypercall64, load64, store64 } from "./support/assemble-64.ts";
import { page, type TestGuest } from "./support/guest.ts";
import {
  ABSENT,
  bits,
  entryFor,
  frameOf,
  READ_ONLY,
  RESULTS,
  runTableGuest,
  type Target,
  usually,
} from "./support/tables.ts";
import { ENGINES, REFERENCE } from "./support/way.ts";

const REQUESTS = page(5);
const HYPERVISOR = 0xffff_8000_0000_0000n;

interface Update {
  /** Entry, and what is added to its machine address. */
  readonly index: number;
  readonly command: number;
  readonly target: Target;
  readonly low: number;
  readonly high: number;
  /** Where the entry stands, if not in the level-1 table. */
  readonly table: Target;
  /** Address of the request; null: where it was put. */
  readonly pointer: bigint | null;
  readonly count: bigint;
  readonly done: bigint;
  readonly subject: number;
  /** Whether it is made by the call of the one before, if that is the usual one. */
  readonly isJoined: boolean;
}

const update: fc.Arbitrary<Update> = fc.record({
  index: fc.constantFrom(...ABSENT, READ_ONLY, 30, 300),
  command: fc.oneof(fc.constantFrom(0, MMU_PT_UPDATE_PRESERVE_AD), usually(0, 1, 4, 3)),
  target: fc.oneof(
    fc.constantFrom<Target>("page", "another", "unused", "another unused"),
    fc.constantFrom<Target>("page", "table", "root", "spare root", "none", "reserved", "beyond"),
    fc.constantFrom<Target>("table", "level 2", "level 3", "unused", "another unused"),
  ),
  low: fc
    .tuple(usually(PTE.present, 0), bits(PTE.writable, PTE.user, PTE.accessed, PTE.dirty, PTE.global, 0xe00))
    .chain(([present, some]) =>
      usually(0, PTE.writeThrough, PTE.cacheDisable, PTE.large).map((odd) => present | some | odd),
    ),
  high: bits(PTE_NX_HIGH, KERNEL_PAGE_HIGH, 0x20_0000),
  table: fc.oneof(
    usually<Target>("table", "page", "unused", "beyond", "reserved"),
    fc.constantFrom<Target>("table", "level 2", "level 3", "root"),
  ),
  pointer: usually<bigint | null>(
    null,
    BigInt(page(41)),
    HYPERVISOR,
    0x8000_0000_0000n,
    BigInt(page(6)) - 8n,
  ),
  count: usually(1n, 0n, 2n, 0x1_0000_0001n),
  done: usually(0n, BigInt(RESULTS) + 0xf00n, 0x1_0000_0000n),
  subject: usually<number>(DOMID_SELF, DOMID_IO, 1, 0x2_7ff0, 0x1_7ff0),
  isJoined: fc.boolean(),
});

/** Requests of one call, which is as the first of them says; the usual one has as many as there are. */
const callsOf = (updates: readonly Update[]): readonly [Update, ...Update[]][] => {
  const calls: [Update, ...Update[]][] = [];
  for (const given of updates) {
    const last = calls.at(-1);
    if (last !== undefined && given.isJoined) last.push(given);
    else calls.push([given]);
  }
  return calls;
};

const requestBytes = (guest: TestGuest, given: Update): Uint8Array => {
  const view = new DataView(new ArrayBuffer(16));
  const place = frameAddress(frameOf(guest, given.table)) + given.index * 8 + given.command;
  view.setBigUint64(0, BigInt(place), true);
  view.setBigUint64(8, entryFor(guest, given.target, given.low, given.high), true);
  return new Uint8Array(view.buffer);
};

/** Makes the calls one after the other. @returns all there is to see then */
const run = (
  updates: readonly Update[],
  directGates: boolean,
  tuning: EngineTuning,
  instructionNs: number,
  /** Code behind a call. */
  behind: (index: number) => readonly number[] = () => [],
) =>
  runTableGuest({ directGates, tuning, instructionNs }, (guest) => {
    for (const [index, given] of updates.entries())
      guest.write(REQUESTS + 16 * index, requestBytes(guest, given));
    return callsOf(updates).flatMap((call) => {
      const [given] = call;
      const index = updates.indexOf(given);
      const at = REQUESTS + 16 * index;
      const count = given.count === 1n ? call.length : given.count;
      return [
        ...hypercall64(__HYPERVISOR_mmu_update, given.pointer ?? at, count, given.done, given.subject),
        ...store64("rax", RESULTS + 8 * index),
        ...behind(index),
      ];
    });
  });

/** Maps a page. */
const PLAIN: Update = {
  index: ABSENT[0],
  command: 0,
  target: "page",
  low: PTE.present,
  high: 0,
  table: "table",
  pointer: null,
  count: 1n,
  done: 0n,
  subject: DOMID_SELF,
  isJoined: false,
};

/** One entry of the root, changed twice by one call: to what the second is for, but absent, or to another table. */
const TWICE: readonly (readonly Update[])[] = [
  ["another unused", 0x8] as const,
  ["unused", PTE.present] as const,
  ["level 3", PTE.present] as const,
].map(([target, low]) => [
  { ...PLAIN, table: "root", target, low },
  { ...PLAIN, table: "root", target: "another unused", isJoined: true },
]);

/** Calls that are left to the processor whole, by what they do. */
const WHOLE: readonly (readonly [string, readonly Update[]])[] = [
  ["several entries", ABSENT.map((index) => ({ ...PLAIN, index, isJoined: true }))],
  [
    "entries that keep their accessed and dirty bits, as when memory is shared with a child",
    [PTE.writable | PTE.accessed | PTE.dirty, 0].map((bit) => ({
      ...PLAIN,
      command: MMU_PT_UPDATE_PRESERVE_AD,
      low: PTE.present | PTE.user | bit,
      isJoined: true,
    })),
  ],
  [
    "pages of which nothing is used yet",
    [{ ...PLAIN, target: "unused" as const, low: PTE.present | PTE.writable }],
  ],
  [
    "a table of level 2 that leads to one",
    [{ ...PLAIN, table: "level 2" as const, target: "table" as const }],
  ],
  [
    "empty tables",
    [
      { ...PLAIN, table: "root" as const, target: "unused" as const },
      { ...PLAIN, table: "root" as const, target: "unused" as const, index: 41, isJoined: true },
      { ...PLAIN, table: "level 3" as const, target: "another unused" as const },
    ],
  ],
];

describe.each(ENGINES)("mmu_update, made without the hypervisor in code that is %s", (_name, tuning) => {
  test("does what the hypervisor does, to the nanosecond", { timeout: 300_000 }, () => {
    fc.assert(
      fc.property(
        fc.array(update, { minLength: 1, maxLength: 24 }),
        usually(1, 5, 7),
        (updates, instructionNs) => {
          const { seen } = run(updates, true, tuning, instructionNs);
          expect(seen).toEqual(run(updates, false, REFERENCE.tuning, instructionNs).seen);
        },
      ),
      { numRuns: 25, examples: TWICE.map((updates) => [[...updates], 1]) },
    );
  });

  test("leaves nothing behind in the TLB, and is left to the processor where pages only lose and gain uses", () => {
    const index = ABSENT[0];
    const writable = PTE.present | PTE.writable;
    const updates = [
      { low: writable },
      { low: writable, target: "another" as const },
      { low: PTE.present, target: "another" as const },
      { low: writable, target: "another" as const },
      { low: writable },
      { low: 0 },
      { low: writable },
      { low: PTE.present, target: "table" as const },
      { low: PTE.present | PTE.user },
    ].map((given): Update => ({ ...PLAIN, index, ...given }));
    const read = (at: number): readonly number[] =>
      updates[at]?.low === 0
        ? []
        : [...load64("rax", page(index)), ...store64("rax", RESULTS + 8 * (32 + at))];
    const [fast, reference] = [true, false].map((gates) =>
      run(updates, gates, gates ? tuning : REFERENCE.tuning, 1, read),
    );
    expect(fast?.seen).toEqual(reference?.seen);
    expect(fast?.stores).toBe(0);
    expect(reference?.stores).toBe(updates.length);
  });

  test("is left to the processor where the entry is no table's", () => {
    const updates = ABSENT.map((index): Update => ({ ...PLAIN, index, table: "page", low: 0x67 }));
    expect(run(updates, true, tuning, 1).stores).toBe(0);
    expect(run(updates, true, tuning, 1).seen).toEqual(run(updates, false, REFERENCE.tuning, 1).seen);
  });

  test.each(WHOLE)("is left to the processor for %s", (_what, updates) => {
    const [fast, reference] = [run(updates, true, tuning, 1), run(updates, false, REFERENCE.tuning, 1)];
    expect(fast.seen).toEqual(reference.seen);
    expect(fast.stores).toBe(0);
    expect(reference.stores).toBe(updates.length);
  });

  test.each([
    ["reading", PTE.present, 0],
    ["writing by its kernel", PTE.present | PTE.writable, PTE_NX_HIGH],
    ["writing by its processes", PTE.present | PTE.writable | PTE.user, 0],
  ])("is left to the processor for %s", (_what, low, high) => {
    const updates = ABSENT.map((index): Update => ({ ...PLAIN, index, low, high }));
    expect(run(updates, true, tuning, 1).stores).toBe(0);
    expect(run(updates, false, REFERENCE.tuning, 1).stores).toBe(ABSENT.length);
  });
});
