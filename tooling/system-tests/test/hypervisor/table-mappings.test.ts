import { KERNEL_PAGE_HIGH, PTE, PTE_NX_HIGH } from "@xenolith/x86-architecture";
import type { EngineTuning } from "@xenolith/x86-cpu";
import {
  __HYPERVISOR_update_va_mapping,
  __HYPERVISOR_vm_assist,
  UVMF_ALL,
  UVMF_INVLPG,
  UVMF_TLB_FLUSH,
  VMASST_CMD_enable,
  VMASST_TYPE_writable_pagetables,
} from "@xenolith/xen-abi/xen";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hypercall64, store64 } from "./support/assemble-64.ts";
import { page } from "./support/guest.ts";
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

/** A call of update_va_mapping. */
interface Mapping {
  readonly address: number | bigint;
  readonly target: Target;
  readonly low: number;
  readonly high: number;
  readonly flags: number | bigint;
}

const mapping: fc.Arbitrary<Mapping> = fc.record({
  address: fc.oneof(
    fc.constantFrom<number | bigint>(
      ...[...ABSENT, READ_ONLY, 30, TABLE_PAGE].map((index) => page(index) + 8),
    ),
    usually<number | bigint>(page(40), 0x8000_0000_0000n, 0xffff_8000_0000_0000n, 0x4000_0000, -4096n),
  ),
  target: fc.constantFrom<Target>(
    "page",
    "another",
    "unused",
    "another unused",
    "table",
    "root",
    "none",
    "beyond",
  ),
  low: fc
    .tuple(usually(PTE.present, 0), bits(PTE.writable, PTE.user, PTE.accessed, PTE.dirty, PTE.global, 0xe00))
    .chain(([present, some]) => usually(0, PTE.writeThrough, PTE.large).map((odd) => present | some | odd)),
  high: bits(PTE_NX_HIGH, KERNEL_PAGE_HIGH),
  flags: fc.oneof(
    fc.constantFrom<number | bigint>(0, UVMF_TLB_FLUSH, UVMF_INVLPG, UVMF_TLB_FLUSH | UVMF_ALL),
    usually<number | bigint>(UVMF_INVLPG | UVMF_ALL, 3, 4, 8, 0x1_0000_0000n, page(30) | UVMF_INVLPG),
  ),
});

/** Makes the calls one after the other. @returns all there is to see then */
const run = (
  mappings: readonly Mapping[],
  directGates: boolean,
  tuning: EngineTuning,
  { instructionNs = 1, isAssisted = true } = {},
) =>
  runTableGuest({ directGates, tuning, instructionNs }, (guest) => [
    ...(isAssisted
      ? hypercall64(__HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_writable_pagetables)
      : []),
    ...mappings.flatMap(({ address, target, low, high, flags }, index) => [
      ...hypercall64(__HYPERVISOR_update_va_mapping, address, entryFor(guest, target, low, high), flags),
      ...store64("rax", RESULTS + 8 * index),
    ]),
  ]);

describe.each(ENGINES)(
  "update_va_mapping, made without the hypervisor in code that is %s",
  (_name, tuning) => {
    test("does what the hypervisor does, to the nanosecond", { timeout: 300_000 }, () => {
      fc.assert(
        fc.property(
          fc.array(mapping, { minLength: 1, maxLength: 24 }),
          usually(1, 5, 7),
          usually(true, false),
          (mappings, instructionNs, isAssisted) => {
            const { seen } = run(mappings, true, tuning, { instructionNs, isAssisted });
            expect(seen).toEqual(run(mappings, false, REFERENCE.tuning, { instructionNs, isAssisted }).seen);
          },
        ),
        { numRuns: 25 },
      );
    });

    test("is left to the processor where pages only lose and gain uses", () => {
      const mappings = [0, UVMF_TLB_FLUSH, UVMF_INVLPG | UVMF_ALL].flatMap((flags): readonly Mapping[] => [
        { address: page(40), target: "page", low: PTE.present | PTE.writable, high: 0, flags },
        { address: page(40), target: "unused", low: PTE.present | PTE.writable, high: 0, flags },
        { address: page(40), target: "unused", low: 0, high: 0, flags },
      ]);
      const [fast, reference] = [run(mappings, true, tuning), run(mappings, false, REFERENCE.tuning)];
      expect(fast.seen).toEqual(reference.seen);
      expect(reference.updates - fast.updates).toBe(mappings.length);
    });
  },
);
