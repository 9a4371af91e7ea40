import { FRAME_TYPE } from "@xenolith/frame-table";
import { createEntropy } from "@xenolith/machine";
import { frameAddress, type Mfn, PAGE_SIZE, toMfn } from "@xenolith/machine-interface";
import { PTE } from "@xenolith/x86-architecture";
import { DOMID_IO, DOMID_SELF, DOMID_XEN } from "@xenolith/xen-abi";
import {
  XENMEM_decrease_reservation,
  XENMEM_exchange,
  XENMEM_increase_reservation,
  XENMEM_populate_physmap,
} from "@xenolith/xen-abi/memory";
import {
  __HYPERVISOR_set_gdt,
  __HYPERVISOR_update_descriptor,
  __HYPERVISOR_update_va_mapping,
  MMUEXT_PIN_L1_TABLE,
} from "@xenolith/xen-abi/xen";
import { describe, expect, it } from "vitest";
import {
  createMemoryFixture,
  DONE,
  entryOf,
  type Guest,
  leadsTo,
  RO,
  RW,
  SCRATCH,
} from "../support/memory-fixture.ts";

/** Hypercalls of one run; more, or others, are asked for by FUZZ_STEPS and FUZZ_SEED. */
const STEPS = Number(process.env["FUZZ_STEPS"] ?? 8_000);
const SEED = Number(process.env["FUZZ_SEED"] ?? 41);

const FRAMES = 1024;
/** Hypercall numbers of the memory side, for calls that are wholly random. */
const NUMBERS = [1, 2, 10, 12, 14, 22, 26];

describe("memory hypercalls of two hostile domains", () => {
  it(`keep all laws over ${STEPS} calls (seed ${SEED}), while a third notices nothing`, () => {
    const fixture = createMemoryFixture(SEED);
    const entropy = createEntropy(SEED);
    const { frames } = fixture.system;
    const victim = fixture.addGuest(9);
    for (let page = 0; page < 8; page++) victim.write(page * PAGE_SIZE, 0x7000 + page);
    const attackers = [fixture.addGuest(1), fixture.addGuest(2)] as const;
    const below = (bound: number): number => entropy.below(bound);
    const chance = (percent: number): boolean => below(100) < percent;
    const pick = <T>(list: readonly T[], otherwise: T): T =>
      list[below(Math.max(1, list.length))] ?? otherwise;

    const someFrame = ({ domain }: Guest): Mfn => {
      const kind = below(100);
      if (kind < 75) return pick(frames.framesOf(domain.id), toMfn(0));
      if (kind < 85) return pick(frames.framesOf(victim.domain.id), toMfn(0));
      if (kind < 90) return domain.sharedInfoFrame;
      return toMfn(kind < 97 ? below(FRAMES + 8) : entropy.next32());
    };
    const tableOf = (guest: Guest): Mfn => {
      const tables = frames.framesOf(guest.domain.id).filter((frame) => frames.levelOf(frame) > 0);
      return chance(80) ? pick(tables, guest.level1) : someFrame(guest);
    };
    const someFlags = (): number => pick([RO, RW, RW, PTE.present, 0, RW | PTE.large, RO | PTE.dirty], RO);
    /** Slots that keep the guest's own arguments mapped, most of the time. */
    const someSlot = (): number => (chance(80) ? 20 + below(20) : below(512));
    const someAddress = (): number => (chance(70) ? (20 + below(20)) * PAGE_SIZE : entropy.next32());
    const someForeign = (): number =>
      chance(85) ? DOMID_SELF : pick([1, 2, 9, 77, DOMID_IO, DOMID_XEN, 0x2_7ff0, 0xa_7ff0], DOMID_SELF);

    const request = (guest: Guest): [number, number, number] => {
      if (chance(8)) return [frameAddress(someFrame(guest)) + 1, entropy.next32(), 0];
      const command = chance(90) ? 0 : below(8);
      const entry = leadsTo(toMfn(someFrame(guest) % 0x10_0000), someFlags());
      return [entryOf(tableOf(guest), someSlot()) + command, entry, chance(95) ? 0 : entropy.next32()];
    };
    const batch = <T>(make: () => T): T[] => Array.from({ length: 1 + below(4) }, make);

    const tables = (guest: Guest): [number, number, number] => {
      const command = chance(50) ? below(6) : below(21);
      const arg = command >= 6 && command <= 13 ? someAddress() : tableOf(guest);
      return [command, arg, chance(50) ? someFrame(guest) : below(9000)];
    };

    const reservation = (guest: Guest): number => {
      const count = 1 + below(4);
      const list = SCRATCH + 512;
      guest.write(list, ...batch(() => someFrame(guest) as number));
      const shape = [list, count, chance(90) ? 0 : below(12), chance(90) ? 0 : entropy.next32()];
      const domain = chance(90) ? DOMID_SELF : pick([1, 2, 9], 1);
      const command = pick(
        [XENMEM_increase_reservation, XENMEM_decrease_reservation, XENMEM_populate_physmap],
        0,
      );
      return guest.memoryOp(command, ...shape, domain);
    };

    /** A guest takes a fresh table and hangs it into its address space. */
    const build = (guest: Guest): number => {
      const [table = toMfn(0)] = takeSpare(guest);
      const requests = batch((): [number, number] => [
        entryOf(table, someSlot()),
        leadsTo(someFrame(guest), pick([RO, RW], RO)),
      ]);
      guest.mmuUpdate(requests);
      return guest.mmuUpdate([[entryOf(guest.level2[0] ?? toMfn(0), 1 + below(6)), leadsTo(table)]]);
    };
    /** A guest uses a page, unmaps it without a flush, and has it become something else: is the old translation gone? */
    const reuse = (guest: Guest): number => {
      const [frame] = takeSpare(guest);
      const at = (20 + below(20)) * PAGE_SIZE;
      if (frame === undefined) return -1;
      guest.call(__HYPERVISOR_update_va_mapping, at, leadsTo(frame), 0, 0);
      guest.write(at, entropy.next32() & ~PTE.present);
      guest.call(__HYPERVISOR_update_va_mapping, at, 0, 0, 0);
      const end = below(3);
      if (end === 0) return guest.mmuExtOp([[MMUEXT_PIN_L1_TABLE, frame]]);
      guest.write(SCRATCH + 512, frame);
      if (end === 1) return guest.memoryOp(XENMEM_decrease_reservation, SCRATCH + 512, 1, 0, 0, DOMID_SELF);
      guest.write(SCRATCH, frame);
      return guest.call(__HYPERVISOR_set_gdt, SCRATCH, 1);
    };
    const takeSpare = ({ domain }: Guest): readonly Mfn[] => {
      const taken = fixture.system.allocateFrames(domain, 1);
      return typeof taken === "number" ? [] : taken;
    };

    const attacks: readonly (readonly [number, (guest: Guest) => number])[] = [
      [
        30,
        (guest) =>
          guest.mmuUpdate(
            batch(() => request(guest)),
            someForeign(),
          ),
      ],
      [
        20,
        (guest) =>
          guest.mmuExtOp(
            batch(() => tables(guest)),
            someForeign(),
          ),
      ],
      [
        15,
        (guest) =>
          guest.call(
            __HYPERVISOR_update_va_mapping,
            someAddress(),
            leadsTo(toMfn(someFrame(guest) % 0x10_0000), someFlags()),
            0,
            below(8),
          ),
      ],
      [10, reservation],
      [
        4,
        (guest) => {
          guest.write(SCRATCH + 512, someFrame(guest));
          const lists = [SCRATCH + 512, 1, 0, 0, DOMID_SELF, SCRATCH + 768, 1, 0, 0, DOMID_SELF, 0];
          return guest.memoryOp(XENMEM_exchange, ...lists);
        },
      ],
      [8, build],
      [6, reuse],
      [
        4,
        (guest) => {
          guest.write(SCRATCH, ...batch(() => someFrame(guest) as number));
          return guest.call(__HYPERVISOR_set_gdt, SCRATCH, below(2000));
        },
      ],
      [
        4,
        (guest) => {
          const at = entryOf(someFrame(guest), below(512));
          return guest.call(
            __HYPERVISOR_update_descriptor,
            at % 2 ** 32,
            0,
            entropy.next32(),
            entropy.next32(),
          );
        },
      ],
      [
        8,
        (guest) =>
          guest.call(pick(NUMBERS, 1), entropy.next32(), below(70), DONE, entropy.next32(), entropy.next32()),
      ],
      // The guest itself: it reads and writes wherever it thinks it has memory.
      [20, (guest) => Number(guest.write(below(512) * PAGE_SIZE + below(1000) * 4, entropy.next32()))],
      [10, (guest) => guest.read(below(512) * PAGE_SIZE) ?? -1],
    ];
    const total = attacks.reduce((sum, [weight]) => sum + weight, 0);

    /** An attacker that has lost the page of its arguments maps it again through whatever table is there. */
    const repair = (guest: Guest): void => {
      if (guest.write(SCRATCH, 0)) return;
      const { domain, level1, level2, root, vcpu } = guest;
      const own = { domain: domain.id, mapped: domain.id };
      const page = frames.allocate(domain.id, 1);
      if (typeof page === "number" || frames.levelOf(level1) !== 1) return;
      frames.updateEntry(level1, SCRATCH / PAGE_SIZE, { low: leadsTo(page[0] ?? toMfn(0)), high: 0 }, own);
      frames.updateEntry(level2[0] ?? toMfn(0), 0, { low: leadsTo(level1), high: 0 }, own);
      frames.updateEntry(root, 0, { low: leadsTo(level2[0] ?? toMfn(0), PTE.present), high: 0 }, own);
      fixture.system.loadPageTableBase(vcpu, root);
    };

    const problems = (deep: boolean): string[] => {
      const found = fixture.translator.cached().flatMap(({ root, entry }) => {
        const { frame, writable } = entry;
        const owner = frames.ownerOf(frame);
        const isOverlay = owner === DOMID_XEN && !writable;
        if (owner !== frames.ownerOf(root) && !isOverlay)
          return [`space ${root} reaches frame ${frame} of ${owner}`];
        const isTable = frames.levelOf(frame) > 0 || frames.typeOf(frame) === FRAME_TYPE.descriptors;
        return writable && isTable ? [`space ${root} can write the table ${frame}`] : [];
      });
      for (const { vcpu } of attackers) {
        const stale = vcpu.space === null ? [] : fixture.translator.stale(vcpu.space);
        found.push(...stale.map((page) => `space ${vcpu.space} has an old translation of page ${page}`));
      }
      if (!deep) return found;
      return [...found, ...frames.checkInvariants().map(({ frame, problem }) => `frame ${frame} ${problem}`)];
    };

    let succeeded = 0;
    for (let step = 0; step < STEPS; step++) {
      const guest = attackers[below(2)] ?? attackers[0];
      fixture.interrupted = chance(10);
      let chosen = below(total);
      const attack = attacks.find(([weight]) => {
        chosen -= weight;
        return chosen < 0;
      });
      if ((attack?.[1](guest) ?? -1) >= 0) succeeded++;
      repair(guest);
      const wrong = problems(step % 50 === 0);
      if (wrong.length > 0) expect.fail(`after call ${step}: ${wrong.slice(0, 3).join("; ")}`);
    }
    expect(problems(true)).toEqual([]);
    expect(succeeded).toBeGreaterThan(STEPS / 5);
    for (let page = 0; page < 8; page++) expect(victim.read(page * PAGE_SIZE)).toBe(0x7000 + page);
    for (const { domain } of attackers) expect(fixture.system.closeDomain(domain)).toBe(true);
    expect(frames.checkInvariants()).toEqual([]);
  });
});
