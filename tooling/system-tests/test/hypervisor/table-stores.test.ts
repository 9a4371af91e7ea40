import { frameAddress } from "@xenolith/machine-interface";
import { KERNEL_PAGE_HIGH, PTE, PTE_NX_HIGH, REGISTER } from "@xenolith/x86-architecture";
import type { EngineTuning } from "@xenolith/x86-cpu";
import { DOMID_SELF } from "@xenolith/xen-abi";
import {
  __HYPERVISOR_mmu_update,
  __HYPERVISOR_vm_assist,
  VMASST_CMD_enable,
  VMASST_TYPE_writable_pagetables,
} from "@xenolith/xen-abi/xen";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hypercall64, load64, movImmediate64, type Register64, store64 } from "./support/assemble-64.ts";
import { page, type TestGuest } from "./support/guest.ts";
import type { TestMachine } from "./support/machine.ts";
import {
  ABSENT,
  bits,
  entryFor,
  READ_ONLY,
  RESULTS,
  runTableGuest,
  TABLE_PAGE,
  type Target,
  usually,
} from "./support/tables.ts";
import { ENGINES, REFERENCE } from "./support/way.ts";

const TABLE = page(TABLE_PAGE);
const REQUEST = page(5);
const [DS, LOCK] = [0x3e, 0xf0];
const AND = 4;

/** A store to the entry of a page. */
interface Store {
  readonly index: number;
  /** How far it begins behind the entry. */
  readonly offset: number;
  /** Distance of the register from there; null: the instruction has none. */
  readonly distance: number | null;
  readonly base: Register64;
  readonly prefix: readonly number[];
  /** XCHG with a register that holds an entry, or AND of a byte. */
  readonly change:
    | { readonly register: Register64; readonly target: Target; readonly low: number; readonly high: number }
    | { readonly mask: number };
}

/** prefix, REX, opcode, ModRM and the distance of an operand in memory. */
const memory = (store: Store, opcode: number, which: number, wide: boolean): readonly number[] => {
  const base = REGISTER[store.base];
  const rex = 0x40 | (wide ? 8 : 0) | (which >= 8 ? 4 : 0) | (base >= 8 ? 1 : 0);
  const mode = store.distance === null ? 0 : 0x40;
  const form = mode | ((which & 7) << 3) | (base & 7);
  const distance = store.distance === null ? [] : [store.distance & 0xff];
  return [...store.prefix, ...(rex === 0x40 ? [] : [rex]), opcode, form, ...distance];
};

/** The store, and what it leaves: the register of XCHG, and the flags. */
const codeOf = (guest: TestGuest, store: Store, index: number): readonly number[] => {
  const { change } = store;
  const address = TABLE + 8 * store.index + store.offset - (store.distance ?? 0);
  const isAnd = "mask" in change;
  const instruction = isAnd
    ? [...memory(store, 0x80, AND, false), change.mask]
    : memory(store, 0x87, REGISTER[change.register], true);
  return [
    ...(isAnd
      ? []
      : movImmediate64(change.register, entryFor(guest, change.target, change.low, change.high))),
    ...movImmediate64(store.base, address),
    ...instruction,
    ...(isAnd ? [0x9c, 0x58] : []), // pushfq; pop %rax
    ...store64(isAnd ? "rax" : change.register, RESULTS + 8 * index),
  ];
};

/** What the stores are made under. */
interface Circumstances {
  readonly instructionNs?: number;
  readonly isAssisted?: boolean;
  /** Code before them. */
  readonly before?: (guest: TestGuest, machine: TestMachine) => readonly number[];
}

const nothing = (): readonly number[] => [];

/** Takes the right to write away from the entry of level 2 that leads to the table. */
const protectLevel2 = (guest: TestGuest, { memory: { view } }: TestMachine): readonly number[] => {
  const lower = (table: number): number => Number(view.getBigUint64(table, true) & 0xf_ffff_f000n);
  const level2 = lower(lower(frameAddress(guest.root)));
  const request = new DataView(new ArrayBuffer(16));
  request.setBigUint64(0, BigInt(level2), true);
  request.setBigUint64(8, view.getBigUint64(level2, true) & ~BigInt(PTE.writable), true);
  guest.write(REQUEST, new Uint8Array(request.buffer));
  return hypercall64(__HYPERVISOR_mmu_update, REQUEST, 1, 0, DOMID_SELF);
};

const run = (
  stores: readonly Store[],
  directGates: boolean,
  tuning: EngineTuning,
  { instructionNs = 1, isAssisted = true, before = nothing }: Circumstances = {},
) =>
  runTableGuest({ directGates, tuning, instructionNs }, (guest, machine) => [
    ...(isAssisted
      ? hypercall64(__HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_writable_pagetables)
      : []),
    ...before(guest, machine),
    ...stores.flatMap((store, index) => [...load64("rax", TABLE), ...codeOf(guest, store, index)]),
  ]);

const BASES = ["rax", "rcx", "rdx", "rbx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r14", "r15"] as const;

const exchange = fc.record({
  register: fc.constantFrom(...BASES, "rbp" as const),
  target: usually<Target>("page", "another", "another", "table", "root", "none", "reserved"),
  low: fc
    .tuple(usually(PTE.present, 0), bits(PTE.writable, PTE.user, PTE.accessed, PTE.dirty, PTE.global, 0xe00))
    .map(([present, some]) => present | some),
  high: bits(PTE_NX_HIGH, KERNEL_PAGE_HIGH),
});

const store: fc.Arbitrary<Store> = fc
  .record({
    index: fc.constantFrom(...ABSENT, READ_ONLY, 30),
    offset: usually(0, 1, 4),
    distance: fc.constantFrom(null, 0, 8, -8, 127, -128),
    base: fc.constantFrom(...BASES),
    prefix: fc.constantFrom([], [DS], [LOCK]),
    change: fc.oneof(exchange, fc.record({ mask: fc.constantFrom(0xfd, 0xff, 0xfe, 0x9f, 0, 0x7f) })),
  })
  .filter(({ base, change }) => "mask" in change || change.register !== base);

/** Takes the right to write away, as Linux does. */
const PROTECT: Store = {
  index: 30,
  offset: 0,
  distance: null,
  base: "r15",
  prefix: [DS],
  change: { mask: 0xff & ~PTE.writable },
};
/** Takes an entry out. */
const CLEAR: Store = {
  ...PROTECT,
  prefix: [],
  base: "rdx",
  change: { register: "rbx", target: "page", low: 0, high: 0 },
};

describe.each(ENGINES)(
  "stores to tables of level 1, carried out without the hypervisor in code that is %s",
  (_name, tuning) => {
    test("do what the hypervisor does, to the nanosecond", { timeout: 300_000 }, () => {
      fc.assert(
        fc.property(
          fc.array(store, { minLength: 1, maxLength: 16 }),
          usually(1, 5, 7),
          usually(true, false),
          (stores, instructionNs, isAssisted) => {
            const { seen } = run(stores, true, tuning, { instructionNs, isAssisted });
            expect(seen).toEqual(run(stores, false, REFERENCE.tuning, { instructionNs, isAssisted }).seen);
          },
        ),
        { numRuns: 40 },
      );
    });

    test("are left to the processor where pages only lose and gain uses", () => {
      const stores = [
        PROTECT,
        CLEAR,
        { ...CLEAR, change: { ...CLEAR.change, low: PTE.present } },
      ] as readonly Store[];
      const [fast, reference] = [run(stores, true, tuning), run(stores, false, REFERENCE.tuning)];
      expect(fast.seen).toEqual(reference.seen);
      expect(reference.updates - fast.updates).toBe(stores.length);
    });

    test("fault where a table above does not allow writing", () => {
      const stores = [CLEAR, PROTECT];
      const [fast, reference] = [
        run(stores, true, tuning, { before: protectLevel2 }),
        run(stores, false, REFERENCE.tuning, { before: protectLevel2 }),
      ];
      expect(fast.seen).toEqual(reference.seen);
      expect(reference.seen.at(-1)?.entries[CLEAR.index]).not.toBe(0n);
    });
  },
);
