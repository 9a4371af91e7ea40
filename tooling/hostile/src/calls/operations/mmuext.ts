import { type Mfn, toMfn } from "@xenolith/machine-interface";
import { HYPERVISOR_RANGE } from "@xenolith/xen-abi/arch-x86";
import * as xen from "@xenolith/xen-abi/xen";
import { __HYPERVISOR_mmuext_op, DOMID_SELF, MMUEXT_OP } from "@xenolith/xen-abi/xen";
import { AT } from "../../attacker/layout.ts";
import type { World } from "../../attacker/world.ts";
import {
  type AttackOperation,
  BAD_POINTER,
  call,
  failing,
  NO_DOMAIN,
  NOT_PRIVILEGED,
  refused,
} from "../build.ts";
import type { Call, ErrorCase, Plan } from "../call.ts";
import { cloneRoot, makeBroken, makeLevel1, makeLevel2, makeLevel3 } from "./page-tables.ts";

/** One request and the call that makes it. */
export const mmuext = (
  world: World,
  command: number,
  arg1 = 0,
  arg2 = 0,
  foreign: number = DOMID_SELF,
): Call => {
  const at = world.arena.putStruct(MMUEXT_OP, { command, arg1, arg2 });
  const doneAt = world.draw.chance(2) ? world.arena.reserve(4) : 0;
  return call(__HYPERVISOR_mmuext_op, at, 1, doneAt, foreign);
};

/** What every request may be refused for before it is looked at. */
const common = (command: number): Record<string, ErrorCase<World>> => ({
  EFAULT: failing(BAD_POINTER, (world) =>
    call(__HYPERVISOR_mmuext_op, world.badAddress(), 1 + world.draw.below(3), 0, DOMID_SELF),
  ),
  ESRCH: failing(NO_DOMAIN, (world) => mmuext(world, command, 0, 0, world.absentDomain())),
  EPERM: failing(NOT_PRIVILEGED, (world) =>
    mmuext(world, command, 0, 0, world.draw.pick([world.otherDomain(), 0x7ff1, 0x7ff2])),
  ),
});

const onFrame = (
  name: string,
  command: number,
  good: (world: World) => Mfn | null,
  bad: { readonly because: string; readonly frame: (world: World) => Mfn | null },
): AttackOperation => {
  const plan =
    (choose: (world: World) => Mfn | null) =>
    (world: World): Plan => {
      const frame = choose(world);
      return frame === null ? null : mmuext(world, command, frame);
    };
  return {
    name: `mmuext_op ${name}`,
    succeeds: plan(good),
    errors: { ...common(command), EINVAL: failing(bad.because, plan(bad.frame)) },
  };
};

const notATable = {
  because: "the frame is not the domain's, is something else already, or has an entry that cannot be",
  frame: (world: World): Mfn | null =>
    world.draw.pick([
      () => world.pool.foreign(),
      () => world.pool.absent(),
      () => world.pool.pinned(),
      () => makeBroken(world),
    ])(),
};

/** A level-1 table is also refused for what its entries lead to. */
const pinLevel1 = (): AttackOperation => {
  const pin = onFrame("pin_l1_table", xen.MMUEXT_PIN_L1_TABLE, makeLevel1, notATable);
  const EBUSY = failing("an entry leads to a frame that may not be mapped so", (world) => {
    const table = world.pool.idle();
    const inUse = world.draw.chance(2) ? world.pool.anyTable() : world.pool.foreign();
    if (table === null || inUse === null) return null;
    const stored = world.withFrame(table, (page) => {
      page.copyIn(0, new Uint8Array(4096));
      page.writeUint32(0, ((inUse << 12) | 0x27) >>> 0);
    });
    return stored ? mmuext(world, xen.MMUEXT_PIN_L1_TABLE, table) : null;
  });
  return { ...pin, errors: { ...pin.errors, EBUSY } };
};

const flush = (name: string, command: number, takesMask: boolean): AttackOperation => {
  const { EFAULT, ESRCH, EPERM } = common(command) as Record<"EFAULT" | "ESRCH" | "EPERM", ErrorCase<World>>;
  const mask = (world: World): number => (takesMask ? world.arena.putWords([world.draw.next32()]) : 0);
  const errors = { EFAULT, ESRCH, EPERM };
  return {
    name: `mmuext_op ${name}`,
    succeeds: (world) =>
      mmuext(world, command, world.draw.chance(2) ? world.windowPage() : world.draw.next32(), mask(world)),
    errors: takesMask
      ? {
          ...errors,
          EINVAL: failing("the bitmap of VCPUs cannot be read", (world) =>
            mmuext(world, command, 0, world.badAddress()),
          ),
        }
      : errors,
  };
};

const never = (name: string, command: number, errno: string, why: string): AttackOperation =>
  refused(`mmuext_op ${name}`, why, {
    ...common(command),
    [errno]: failing(why, (world) => mmuext(world, command, world.draw.next32(), world.draw.next32())),
  });

const ignoredPin: AttackOperation = {
  name: "mmuext_op pin_l4_table",
  // Levels that a width does not have are ignored, whatever the frame.
  succeeds: (world) => mmuext(world, xen.MMUEXT_PIN_L4_TABLE, world.draw.next32()),
  errors: common(xen.MMUEXT_PIN_L4_TABLE),
};

const setLdt: AttackOperation = {
  name: "mmuext_op set_ldt",
  succeeds: (world) =>
    world.draw.chance(3)
      ? mmuext(world, xen.MMUEXT_SET_LDT, 0, 0)
      : mmuext(world, xen.MMUEXT_SET_LDT, world.windowPage(), 1 + world.draw.below(8192)),
  errors: {
    ...common(xen.MMUEXT_SET_LDT),
    EINVAL: failing(
      "the base starts no page or lies in the monitor's range, or there are too many entries",
      (world) =>
        world.draw.pick([
          () => mmuext(world, xen.MMUEXT_SET_LDT, world.windowPage() + 8, 1),
          () => mmuext(world, xen.MMUEXT_SET_LDT, world.windowPage(), 8193 + world.draw.below(1000)),
          () => mmuext(world, xen.MMUEXT_SET_LDT, HYPERVISOR_RANGE[world.width].virtStart, 1),
        ])(),
    ),
  },
};

const copyPage: AttackOperation = {
  name: "mmuext_op copy_page",
  succeeds(world) {
    const to = world.pool.writable();
    const from = world.pool.find(() => true);
    return to === null || from === null ? null : mmuext(world, xen.MMUEXT_COPY_PAGE, to, from);
  },
  errors: {
    ...common(xen.MMUEXT_COPY_PAGE),
    EINVAL: failing("a frame is not the domain's, or the target cannot be written", (world) => {
      const { draw, pool } = world;
      const table = pool.anyTable() ?? pool.foreign();
      const own = pool.writable() ?? pool.foreign();
      return draw.chance(2)
        ? mmuext(world, xen.MMUEXT_COPY_PAGE, draw.chance(2) ? table : pool.absent(), own)
        : mmuext(world, xen.MMUEXT_COPY_PAGE, own, draw.chance(2) ? pool.foreign() : pool.absent());
    }),
  },
};

const unpin = onFrame("unpin_table", xen.MMUEXT_UNPIN_TABLE, (world) => world.pool.pinned(), {
  because: "the frame is not pinned",
  frame: (world) => world.pool.find(({ pinned }) => !pinned) ?? world.pool.foreign(),
});

/** Tables that are pinned are rare: half of the time one is pinned first. */
const unpinning: AttackOperation = {
  ...unpin,
  succeeds(world) {
    const pinned = world.draw.chance(2) ? world.pool.pinned() : null;
    const table = pinned ?? makeLevel1(world);
    if (table === null) return null;
    const request = mmuext(world, xen.MMUEXT_UNPIN_TABLE, table);
    return pinned === null ? [mmuext(world, xen.MMUEXT_PIN_L1_TABLE, table), request] : request;
  },
};

const unknown: AttackOperation = refused("mmuext_op, an unknown command", "there is no such command", {
  ENOSYS: failing("the command is not known", (world) =>
    mmuext(world, world.draw.pick([14, 21, 22, 100, 0xffff_ffff]), world.draw.next32(), AT.arena),
  ),
});

/** mmuext_op by command. [XEN xen.h] */
export const mmuextOperations = (isWide: boolean): readonly AttackOperation[] => [
  pinLevel1(),
  onFrame("pin_l2_table", xen.MMUEXT_PIN_L2_TABLE, makeLevel2, notATable),
  onFrame("pin_l3_table", xen.MMUEXT_PIN_L3_TABLE, makeLevel3, notATable),
  isWide ? onFrame("pin_l4_table", xen.MMUEXT_PIN_L4_TABLE, cloneRoot, notATable) : ignoredPin,
  unpinning,
  onFrame(
    "new_baseptr",
    xen.MMUEXT_NEW_BASEPTR,
    (world) =>
      world.draw.chance(2) ? cloneRoot(world) : (world.pool.table(world.rootLevel) ?? world.root()),
    notATable,
  ),
  isWide
    ? onFrame(
        "new_user_baseptr",
        xen.MMUEXT_NEW_USER_BASEPTR,
        (world) => world.draw.pick([() => cloneRoot(world), () => toMfn(0), () => world.root()])(),
        notATable,
      )
    : never("new_user_baseptr", xen.MMUEXT_NEW_USER_BASEPTR, "EINVAL", "only 64-bit guests have two bases"),
  flush("tlb_flush_local", xen.MMUEXT_TLB_FLUSH_LOCAL, false),
  flush("invlpg_local", xen.MMUEXT_INVLPG_LOCAL, false),
  flush("tlb_flush_multi", xen.MMUEXT_TLB_FLUSH_MULTI, true),
  flush("invlpg_multi", xen.MMUEXT_INVLPG_MULTI, true),
  flush("tlb_flush_all", xen.MMUEXT_TLB_FLUSH_ALL, false),
  flush("invlpg_all", xen.MMUEXT_INVLPG_ALL, false),
  never("flush_cache", xen.MMUEXT_FLUSH_CACHE, "EACCES", "nobody has devices whose memory is not cached"),
  never(
    "flush_cache_global",
    xen.MMUEXT_FLUSH_CACHE_GLOBAL,
    "EINVAL",
    "nobody has devices whose memory is not cached",
  ),
  setLdt,
  onFrame("clear_page", xen.MMUEXT_CLEAR_PAGE, (world) => world.pool.writable(), {
    because: "the frame is not the domain's, or cannot be written",
    frame: (world) =>
      world.draw.chance(2) ? world.pool.foreign() : (world.pool.anyTable() ?? world.pool.absent()),
  }),
  copyPage,
  never("mark_super", xen.MMUEXT_MARK_SUPER, "EOPNOTSUPP", "superpages are not offered to such guests"),
  never("unmark_super", xen.MMUEXT_UNMARK_SUPER, "EOPNOTSUPP", "superpages are not offered to such guests"),
  unknown,
];
