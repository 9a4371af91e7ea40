import { createFrameTable } from "@xenolith/frame-table";
import { createEntropy } from "@xenolith/machine";
import { frameAddress, type Mfn, toLinearAddress, toMfn } from "@xenolith/machine-interface";
import { createFakeMemory } from "@xenolith/machine-interface/testing";
import { onOneCpu } from "@xenolith/scheduler-interface";
import { entryFrame, entryLow, PTE } from "@xenolith/x86-architecture";
import { toDomId } from "@xenolith/xen-abi";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { newDomain } from "../../src/lifecycle/new-domain.ts";
import { type AddressSpaces, createAddressSpaces } from "../../src/memory/address-spaces.ts";
import type { Vcpu } from "../../src/vcpu.ts";
import { createFakeScheduler } from "../support/fake-scheduler.ts";
import {
  createRememberingTranslator,
  type RememberingTranslator,
} from "../support/remembering-translator.ts";

const [ROOTS, THIRDS, SECONDS, FIRSTS, PAGES] = [
  [16, 17, 18],
  [20, 21],
  [24, 25],
  [28, 29, 30],
  [40, 41, 42, 43],
] as const;
/** Tables by level, and behind them what their entries may lead to. */
const LEVELS = [PAGES, FIRSTS, SECONDS, THIRDS, ROOTS] as const;
/** In a root: one slot for the lower half, two for the upper. */
const ROOT_SLOTS = [0, 300, 511];
const SLOTS = [0, 1];

const pick = <Value>(list: readonly Value[], index: number): Value => list[index % list.length] as Value;

const level = fc.integer({ min: 1, max: 4 });
const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("enter" as const), vcpu: fc.nat(1), root: fc.nat(2) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("read" as const),
      vcpu: fc.nat(1),
      slots: fc.tuple(fc.nat(2), fc.nat(1), fc.nat(1), fc.nat(1)),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("change" as const),
      level,
      table: fc.nat(2),
      slot: fc.nat(2),
      target: fc.nat(3),
      flags: fc.constantFrom(0, PTE.present, PTE.present | PTE.writable, PTE.present | PTE.writable),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("copy" as const), root: fc.nat(2), from: fc.nat(2) }) },
);
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

/** Two VCPUs of a kernel of x86_64, in the shoes of a hypervisor that only changes tables. */
class Model {
  readonly memory = createFakeMemory({ frameCount: 64 });
  readonly translator: RememberingTranslator = createRememberingTranslator(this.memory);
  readonly spaces: AddressSpaces = createAddressSpaces(
    this.memory,
    this.translator,
    () => this.#frames.machineToPhysical,
    () => this.#work,
  );
  readonly #frames = createFrameTable({
    memory: this.memory,
    entropy: createEntropy(1),
    onFlush: (frame) => this.translator.invalidateFrame(frame),
    onTableChange: (...change) => this.spaces.tableChanged(...change),
    wideMachineToPhysical: true,
  });
  /** Changes of tables above level 1, as the frame table counts them. */
  #work = 0;
  readonly vcpus: readonly Vcpu[];

  constructor() {
    const id = toDomId(1);
    const pool = { id: 0, name: "Pool-0", scheduler: onOneCpu(createFakeScheduler()) };
    const options = { id, width: "x86_64", vcpus: 2, maximumPages: 64, privileged: false } as const;
    const parts = {
      memory: this.memory,
      translator: this.translator,
      now: 0,
      pool,
      nextSchedulerId: () => 1,
    };
    const domain = newDomain(id, { ...options, scheduling: {}, uuid: new Uint8Array(16) }, parts);
    this.spaces.open(domain);
    this.vcpus = domain.vcpus;
  }

  /** Maps everything, the halves of all roots alike. */
  mapAll(): this {
    for (const tableLevel of [1, 2, 3, 4] as const) {
      const below = LEVELS[(tableLevel - 1) as 0 | 1 | 2 | 3];
      for (const table of LEVELS[tableLevel])
        for (const [which, slot] of (tableLevel === 4 ? ROOT_SLOTS : SLOTS).entries())
          this.set(
            tableLevel,
            toMfn(table),
            slot,
            entryLow(toMfn(pick<number>(below, which)), PTE.present | PTE.writable),
          );
    }
    return this;
  }

  /** Writes an entry, and tells as the frame table does. */
  set(tableLevel: number, table: Mfn, index: number, low: number): void {
    const at = frameAddress(table) + index * 8;
    const old = this.memory.view.getUint32(at, true);
    this.memory.view.setUint32(at, low, true);
    if (tableLevel > 1) this.#work++;
    if ((old & PTE.present) === 0) return;
    if (tableLevel === 1) this.translator.invalidateFrame(toMfn(entryFrame(old, 0)));
    else this.spaces.tableChanged(toDomId(1), tableLevel as 2 | 3 | 4, table, index);
  }

  apply(action: Step): void {
    switch (action.do) {
      case "enter": {
        const vcpu = pick(this.vcpus, action.vcpu);
        vcpu.pageTableBase = toMfn(pick(ROOTS, action.root));
        this.spaces.enter(vcpu, vcpu.pageTableBase, "kernel");
        break;
      }
      case "read": {
        const { space } = pick(this.vcpus, action.vcpu);
        const [root, third, second, first] = action.slots;
        const slot = pick(ROOT_SLOTS, root);
        const top = slot < 256 ? slot : slot - 512;
        const at = top * 2 ** 39 + third * 2 ** 30 + second * 2 ** 21 + first * 4096;
        if (space !== null) this.translator.refill(space, toLinearAddress(at), 0);
        break;
      }
      case "change": {
        const table = toMfn(pick<number>(LEVELS[action.level as 1 | 2 | 3 | 4], action.table));
        const index = pick(action.level === 4 ? ROOT_SLOTS : SLOTS, action.slot);
        const target = toMfn(pick<number>(LEVELS[(action.level - 1) as 0 | 1 | 2 | 3], action.target));
        this.set(action.level, table, index, action.flags === 0 ? 0 : entryLow(target, action.flags));
        break;
      }
      case "copy":
        for (const slot of ROOT_SLOTS.slice(1)) {
          const from = frameAddress(toMfn(pick(ROOTS, action.from))) + slot * 8;
          this.set(4, toMfn(pick(ROOTS, action.root)), slot, this.memory.view.getUint32(from, true));
        }
        break;
    }
  }
}

describe("the spaces of a kernel of x86_64", () => {
  it("hold what the tables say, whichever tables change and whichever base is loaded", () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 10, maxLength: 120 }), (steps) => {
        const model = new Model().mapAll();
        for (const action of steps) {
          model.apply(action);
          for (const { space } of model.vcpus)
            if (space !== null) expect(model.translator.stale(space)).toEqual([]);
        }
      }),
      { numRuns: 400 },
    );
  });

  it("keep the upper half from base to base while that is the same", () => {
    const model = new Model();
    const [vcpu] = model.vcpus;
    if (vcpu === undefined) throw new Error("no VCPU");
    const all = PTE.present | PTE.writable;
    for (const root of [16, 17])
      for (const slot of [0, 511]) model.set(4, toMfn(root), slot, entryLow(toMfn(20), all));
    model.set(3, toMfn(20), 0, entryLow(toMfn(24), all));
    model.set(2, toMfn(24), 0, entryLow(toMfn(28), all));
    model.set(1, toMfn(28), 0, entryLow(toMfn(40), all));
    const upper = -(2 ** 39);
    const enter = (root: number): void => model.apply({ do: "enter", vcpu: 0, root: root - 16 });
    const cached = (): number[] => model.translator.cached().map(({ page }) => page * 4096);
    enter(16);
    for (const at of [0, upper]) model.translator.refill(vcpu.space ?? expect.fail(), toLinearAddress(at), 0);
    expect(cached()).toEqual([0, upper]);
    enter(17);
    expect(cached()).toEqual([upper]);
    model.set(4, toMfn(18), 511, entryLow(toMfn(21), all));
    enter(18);
    expect(cached()).toEqual([]);
  });
});
