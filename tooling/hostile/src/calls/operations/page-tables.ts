import type { Mfn } from "@xenolith/machine-interface";
import { pageEntry, tableEntry, type World } from "../../attacker/world.ts";

const ENTRIES = 512;
const MONITOR_SLOT = 428;

const store = (
  world: World,
  table: Mfn,
  entries: ReadonlyMap<number, { low: number; high: number }>,
): boolean =>
  world.withFrame(table, (page) => {
    page.copyIn(0, new Uint8Array(4096));
    for (const [index, { low, high }] of entries) {
      page.writeUint32(8 * index, low);
      page.writeUint32(8 * index + 4, high);
    }
  });

/** Fills an idle frame with entries of a level-1 table, most of them empty. @returns the frame, or null */
export const makeLevel1 = (world: World): Mfn | null => {
  const table = world.pool.idle();
  if (table === null) return null;
  const entries = new Map<number, { low: number; high: number }>();
  for (let left = world.draw.below(8); left > 0; left--) {
    const frame = world.pool.writable();
    if (frame !== null && frame !== table)
      entries.set(world.draw.below(ENTRIES), pageEntry(frame, !world.draw.chance(3)));
  }
  return store(world, table, entries) ? table : null;
};

/** Fills an idle frame with entries of a table of a level above 1 that lead to validated tables. @returns the frame, or null */
const makeUpper = (world: World, level: 2 | 3): Mfn | null => {
  const table = world.pool.idle();
  if (table === null) return null;
  const entries = new Map<number, { low: number; high: number }>();
  for (let left = world.draw.below(6); left > 0; left--) {
    const below = world.pool.table(level === 2 ? 1 : 2);
    if (below !== null) entries.set(world.draw.below(ENTRIES), tableEntry(below));
  }
  return store(world, table, entries) ? table : null;
};

/** Makes a level-2 table. */
export const makeLevel2 = (world: World): Mfn | null => makeUpper(world, 2);

/** Makes a level-3 table: of PAE it is a root. */
export const makeLevel3 = (world: World): Mfn | null =>
  world.isWide ? makeUpper(world, 3) : cloneRoot(world);

/** Slots of a table that are the guest's, with what stands in them. */
const presentEntries = (world: World, from: Mfn): Map<number, { low: number; high: number }> => {
  const entries = new Map<number, { low: number; high: number }>();
  for (let index = 0; index < ENTRIES; index++) {
    const isMonitors = world.isWide ? index >= 256 && index < 272 : index >= MONITOR_SLOT;
    const entry = isMonitors ? null : world.frames.readEntry(world.self, from, index);
    if (entry !== null && (entry.low & 1) !== 0) entries.set(index, entry);
  }
  return entries;
};

/** Fills an idle frame with a root that shares the present one's tables. */
const cloneWideRoot = (world: World): Mfn | null => {
  const root = world.pool.idle();
  return root !== null && store(world, root, presentEntries(world, world.root())) ? root : null;
};

/** Fills two idle frames with a root and a top directory that map what the present ones map. */
const clonePaeRoot = (world: World): Mfn | null => {
  const [root, directory] = world.pool.idles(2) ?? [];
  if (root === undefined || directory === undefined) return null;
  const stored =
    store(world, directory, presentEntries(world, world.topDirectory())) &&
    store(world, root, new Map([[3, tableEntry(directory, true)]]));
  return stored ? root : null;
};

/** Makes a root that maps what the present one maps. @returns the root, or null */
export function cloneRoot(world: World): Mfn | null {
  return world.isWide ? cloneWideRoot(world) : clonePaeRoot(world);
}

/** Fills an idle frame so that it can be no table: an entry with a bit that none may have. */
export const makeBroken = (world: World): Mfn | null => {
  const table = world.pool.idle();
  if (table === null) return null;
  const low = 0x27 | world.draw.pick([8, 0x10, 0x80]);
  return store(world, table, new Map([[world.draw.below(4), { low, high: 0 }]])) ? table : null;
};
