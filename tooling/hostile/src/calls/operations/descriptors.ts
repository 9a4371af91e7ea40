import { frameAddress, type Mfn } from "@xenolith/machine-interface";
import { __HYPERVISOR_set_gdt, __HYPERVISOR_update_descriptor } from "@xenolith/xen-abi/xen";
import type { World } from "../../attacker/world.ts";
import { type AttackOperation, BAD_POINTER, call, failing } from "../build.ts";
import type { Plan } from "../call.ts";

const ENTRIES_PER_FRAME = 512;
const MOST_ENTRIES = 7168;

/** Present code and data segments of rings 0 to 3, call gates to the flat segment, empty entries. */
const goodDescriptor = (world: World): { low: number; high: number } => {
  const { draw } = world;
  const level = draw.below(4) << 13;
  const gate = { low: 0xe019_1000, high: 0xc000_8c00 | level };
  return draw.pick([
    { low: 0, high: 0 },
    { low: draw.next32(), high: draw.next32() & ~0x8000 },
    { low: 0x0000_ffff, high: 0x00cf_9a00 | level },
    { low: 0x0000_ffff, high: 0x00cf_9200 | level },
    world.isWide ? { low: 0x0000_ffff, high: 0x00af_9a00 | level } : gate,
  ]);
};

/** TSS, LDT, task, interrupt and trap gates; call gates to the monitor; 64-bit code of 32-bit guests. */
const badDescriptor = (world: World): { low: number; high: number } =>
  world.draw.pick([
    { low: 0x0000_0067, high: 0x0000_8900 },
    { low: 0x0000_ffff, high: 0x0000_8200 },
    { low: 0xe019_1000, high: 0xc000_8e00 },
    { low: 0xe019_1000, high: 0xc000_8f00 },
    ...(world.isWide ? [] : [{ low: 0x0000_ffff, high: 0x00af_9a00 }]),
    { low: 0xe008_1000, high: 0xc000_8c00 },
    { low: 0xe019_1000, high: 0xc000_8ce0 },
  ]);

/** An idle frame full of a descriptor. */
const page = (world: World, { low, high }: { low: number; high: number }): Mfn | null => {
  const frame = world.pool.idle();
  if (frame === null) return null;
  const stored = world.withFrame(frame, (memory) => {
    memory.copyIn(0, new Uint8Array(4096));
    const at = 8 * world.draw.below(ENTRIES_PER_FRAME);
    memory.writeUint32(at, low);
    memory.writeUint32(at + 4, high);
  });
  return stored ? frame : null;
};

const setGdt = (world: World, frames: readonly (Mfn | null)[], entries: number): Plan => {
  const list = frames.flatMap((frame) => (frame === null ? [] : [frame]));
  return list.length < frames.length
    ? null
    : call(__HYPERVISOR_set_gdt, list.length === 0 ? 0 : world.arena.putLongs(list), entries);
};

const updateDescriptor = (
  { isWide }: World,
  frame: Mfn,
  offset: number,
  { low, high }: { low: number; high: number },
): Plan => {
  const at = frameAddress(frame) + offset;
  const descriptor = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
  return isWide
    ? call(__HYPERVISOR_update_descriptor, at, descriptor)
    : call(__HYPERVISOR_update_descriptor, at, 0, low, high);
};

/** set_gdt and update_descriptor. The attacker itself runs on the monitor's flat segments. [XEN xen.h] */
export const descriptorOperations: readonly AttackOperation[] = [
  {
    name: "set_gdt",
    succeeds(world) {
      const count = world.draw.below(4);
      const frames = Array.from({ length: count }, () => page(world, goodDescriptor(world)));
      return setGdt(world, frames, Math.max(0, count * ENTRIES_PER_FRAME - world.draw.below(500)));
    },
    errors: {
      EINVAL: failing(
        "too many entries, a frame that is not the domain's or cannot be a descriptor page",
        (world) => {
          const { draw, pool } = world;
          return draw.pick([
            () => setGdt(world, [pool.foreign()], MOST_ENTRIES + 1 + draw.below(5000)),
            () => setGdt(world, [pool.foreign()], 512),
            () => setGdt(world, [page(world, goodDescriptor(world)), pool.anyTable()], 1024),
            () => setGdt(world, [page(world, badDescriptor(world))], 512),
          ])();
        },
      ),
      EFAULT: failing(BAD_POINTER, (world) =>
        call(__HYPERVISOR_set_gdt, world.badAddress(), 1 + world.draw.below(7000)),
      ),
    },
  },
  {
    name: "update_descriptor",
    succeeds(world) {
      const frame = world.draw.chance(2) ? world.pool.find(({ type }) => type === 5) : world.pool.writable();
      return frame === null
        ? null
        : updateDescriptor(world, frame, 8 * world.draw.below(ENTRIES_PER_FRAME), goodDescriptor(world));
    },
    errors: {
      EINVAL: failing(
        "no descriptor for guests, not aligned, or a frame that is none of the domain's writable ones",
        (world) => {
          const { draw, pool } = world;
          const own = pool.writable() ?? pool.foreign();
          return draw.pick([
            () => updateDescriptor(world, own, 8 * draw.below(512), badDescriptor(world)),
            () => updateDescriptor(world, own, 1 + draw.below(7), goodDescriptor(world)),
            () => updateDescriptor(world, pool.foreign(), 0, goodDescriptor(world)),
            () => updateDescriptor(world, pool.anyTable() ?? pool.absent(), 0, goodDescriptor(world)),
          ])();
        },
      ),
    },
  },
];
