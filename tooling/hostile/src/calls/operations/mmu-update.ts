import { frameAddress } from "@xenolith/machine-interface";
import { entryHigh, entryLow, PTE } from "@xenolith/x86-architecture";
import {
  __HYPERVISOR_mmu_update,
  DOMID_SELF,
  MMU_MACHPHYS_UPDATE,
  MMU_NORMAL_PT_UPDATE,
  MMU_PT_UPDATE_NO_TRANSLATE,
  MMU_PT_UPDATE_PRESERVE_AD,
  MMU_UPDATE_BYTES,
  type MmuUpdate,
  writeMmuUpdate,
} from "@xenolith/xen-abi/xen";
import { NO_ENTRY, pageEntry, tableEntry, type World } from "../../attacker/world.ts";
import { type AttackOperation, BAD_POINTER, call, failing, NO_DOMAIN, NOT_PRIVILEGED } from "../build.ts";
import type { Call } from "../call.ts";

/** First level-2 slot of the monitor, in the table that a root's slot 3 leads to. */
const MONITOR_SLOT = 428;

/** Puts requests and makes the call. */
export const mmuUpdate = (
  world: World,
  updates: readonly MmuUpdate[],
  foreign: number = DOMID_SELF,
): Call => {
  const bytes = new Uint8Array(updates.length * MMU_UPDATE_BYTES);
  const view = new DataView(bytes.buffer);
  for (const [index, update] of updates.entries()) writeMmuUpdate(view, index * MMU_UPDATE_BYTES, update);
  const doneAt = world.draw.chance(2) ? world.arena.reserve(4) : 0;
  return call(__HYPERVISOR_mmu_update, world.arena.put(bytes), updates.length, doneAt, foreign);
};

/** A change of the window that should be allowed: maps an own page, takes a mapping away, or changes its flags. */
const goodUpdate = (world: World, command: number): MmuUpdate => {
  const { draw, pool } = world;
  const address = world.entryAddress(world.windowPage());
  const frame = draw.chance(3) ? null : pool.writable();
  return {
    command,
    address,
    value: frame === null ? NO_ENTRY : pageEntry(frame, !draw.chance(3), draw.pick([0, 0, 4, 0x200])),
  };
};

/** Stores a word of plain data: a frame that is no table is written like memory. */
const plainStore = (world: World, command: number): MmuUpdate | null => {
  const frame = world.pool.writable();
  if (frame === null) return null;
  const value = { low: world.draw.next32(), high: world.draw.next32() };
  return { command, address: frameAddress(frame) + 8 * world.draw.below(512), value };
};

/** A slot that may be changed without the attacker losing its own addresses: those are behind slot 0 or 3 of upper tables. */
const drawSlot = ({ draw, isWide }: World, level: number): number => {
  if (level === 4) return 1 + draw.below(255);
  return draw.below(level === 3 && !isWide ? 3 : MONITOR_SLOT);
};

/** A change of an upper table: leads to a validated table below it, or read-only to one of its own level, or nowhere. */
const upperUpdate = (world: World, command: number): MmuUpdate | null => {
  const { draw, pool, rootLevel } = world;
  const level = draw.pick([1, 2, 2, 3, rootLevel] as const);
  const table = pool.table(level);
  if (table === null) return null;
  const isLinear = draw.chance(4);
  const below = level === 1 ? pool.writable() : pool.table(isLinear ? level : ((level - 1) as 1 | 2 | 3));
  const flags =
    PTE.present | (level === 1 ? PTE.writable : 0) | (level === 2 && !isLinear ? PTE.writable : 0);
  return {
    command,
    address: frameAddress(table) + 8 * drawSlot(world, level),
    value:
      below === null || draw.chance(4) ? NO_ENTRY : { low: entryLow(below, flags), high: entryHigh(below) },
  };
};

const good = (command: number) => (world: World) => {
  const count = world.draw.chance(4) ? 1 + world.draw.below(30) : 1;
  const updates = Array.from({ length: count }, () =>
    world.draw.pick([
      goodUpdate,
      goodUpdate,
      goodUpdate,
      (...args: Parameters<typeof goodUpdate>) => plainStore(...args) ?? goodUpdate(...args),
      (...args: Parameters<typeof goodUpdate>) => upperUpdate(...args) ?? goodUpdate(...args),
    ])(world, command),
  );
  return mmuUpdate(world, updates);
};

const badPointer = (command: number) => (world: World) => {
  const made = mmuUpdate(world, [goodUpdate(world, command)]);
  const [, count = 1, doneAt = 0] = made.arguments;
  return call(__HYPERVISOR_mmu_update, world.badAddress(), count, doneAt, DOMID_SELF);
};

const writes = (name: string, command: number): AttackOperation => ({
  name: `mmu_update ${name}`,
  succeeds: good(command),
  errors: {
    EFAULT: failing(BAD_POINTER, badPointer(command)),
    ESRCH: failing(NO_DOMAIN, (world) =>
      mmuUpdate(
        world,
        [goodUpdate(world, command)],
        world.draw.chance(2) ? world.absentDomain() : DOMID_SELF | ((world.absentDomain() + 1) << 16),
      ),
    ),
    EPERM: failing(`${NOT_PRIVILEGED}; the monitor's own slot; what is no RAM`, (world) => {
      const update = goodUpdate(world, command);
      const kind = world.draw.below(world.isWide ? 2 : 3);
      if (kind === 0) return mmuUpdate(world, [update], world.otherDomain());
      if (kind === 1) return mmuUpdate(world, [{ ...update, value: pageEntry(world.pool.absent(), true) }]);
      const slot = MONITOR_SLOT + world.draw.below(512 - MONITOR_SLOT);
      return mmuUpdate(world, [
        { command, address: frameAddress(world.topDirectory()) + 8 * slot, value: NO_ENTRY },
      ]);
    }),
    EINVAL: failing(
      "the entry or the table cannot be: reserved bits, a foreign table, a frame that is no table",
      (world) => {
        const { draw, pool } = world;
        const update = goodUpdate(world, command);
        const frame = pool.writable();
        const kind = draw.below(4);
        if (kind === 0) return mmuUpdate(world, [{ ...update, address: frameAddress(pool.foreign()) }]);
        if (kind === 1 && frame !== null) {
          const entry = pageEntry(frame, true);
          return mmuUpdate(world, [
            { ...update, value: { low: entry.low | 0x80, high: draw.pick([0, 0x10_0000]) } },
          ]);
        }
        if (kind === 2 && frame !== null) {
          const address = frameAddress(world.topDirectory()) + 8 * draw.below(400);
          return mmuUpdate(world, [{ command, address, value: tableEntry(pool.foreign()) }]);
        }
        // Slot 3 of PAE's root, or one of the monitor's.
        const slot = world.isWide ? 256 + draw.below(16) : 3;
        return mmuUpdate(world, [
          { command, address: frameAddress(world.root()) + 8 * slot, value: NO_ENTRY },
        ]);
      },
    ),
    EBUSY: failing(
      "the frame belongs to somebody else, or cannot be mapped writable as what it is",
      (world) => {
        const update = goodUpdate(world, command);
        const table = world.pool.anyTable();
        const frame = table === null || world.draw.chance(2) ? world.pool.foreign() : table;
        return mmuUpdate(world, [{ ...update, value: pageEntry(frame, true) }]);
      },
    ),
  },
});

const machineToPhysical: AttackOperation = {
  name: "mmu_update machphys_update",
  succeeds(world) {
    const frame = world.pool.find(() => true);
    if (frame === null) return null;
    const value = { low: world.draw.chance(2) ? world.draw.below(1024) : world.draw.next32(), high: 0 };
    return mmuUpdate(world, [{ command: MMU_MACHPHYS_UPDATE, address: frameAddress(frame), value }]);
  },
  errors: {
    EFAULT: failing(BAD_POINTER, badPointer(MMU_MACHPHYS_UPDATE)),
    ESRCH: failing(NO_DOMAIN, (world) =>
      mmuUpdate(world, [{ command: MMU_MACHPHYS_UPDATE, address: 0, value: NO_ENTRY }], world.absentDomain()),
    ),
    EPERM: failing(NOT_PRIVILEGED, (world) =>
      mmuUpdate(
        world,
        [{ command: MMU_MACHPHYS_UPDATE, address: frameAddress(world.pool.foreign()), value: NO_ENTRY }],
        world.draw.pick([world.otherDomain(), 0x7ff1, 0x7ff2]),
      ),
    ),
    EINVAL: failing("the frame is not the domain's", (world) =>
      mmuUpdate(world, [
        {
          command: MMU_MACHPHYS_UPDATE,
          address: frameAddress(world.draw.chance(3) ? world.pool.absent() : world.pool.foreign()),
          value: NO_ENTRY,
        },
      ]),
    ),
  },
};

const unknownCommand: AttackOperation = {
  name: "mmu_update, a command above 3",
  succeeds: "there is no such command where entries have 8 bytes",
  errors: {
    ENOSYS: failing("bit 2 of the pointer says a command that is not known", (world) => {
      const update = goodUpdate(world, world.draw.below(4));
      return mmuUpdate(world, [{ ...update, address: update.address + 4 }]);
    }),
  },
};

/** mmu_update by command. [XEN xen.h] */
export const mmuUpdateOperations: readonly AttackOperation[] = [
  writes("normal_pt_update", MMU_NORMAL_PT_UPDATE),
  writes("pt_update_preserve_ad", MMU_PT_UPDATE_PRESERVE_AD),
  writes("pt_update_no_translate", MMU_PT_UPDATE_NO_TRANSLATE),
  machineToPhysical,
  unknownCommand,
];
