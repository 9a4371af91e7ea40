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

/** Fills an idle frame with entries of a level-2 table that lead to validated level-1 tables. */
export const makeLevel2 = (world: World): Mfn | null => {
  const table = world.pool.idle();
  if (table === null) return null;
  const entries = new Map<number, { low: number; high: number }>();
  for (let left = world.draw.below(6); left > 0; left--) {
    const below = world.pool.table(1);
    if (below !== null) entries.set(world.draw.below(ENTRIES), tableEntry(below, 2));
  }
  return store(world, table, entries) ? table : null;
};

/** Fills two idle frames with a root and a top directory that map what the present ones map. @returns the root */
export const cloneRoot = (world: World): Mfn | null => {
  const [root, directory] = world.pool.idles(2) ?? [];
  if (root === undefined || directory === undefined) return null;
  const from = world.topDirectory();
  const entries = new Map<number, { low: number; high: number }>();
  for (let index = 0; index < MONITOR_SLOT; index++) {
    const entry = world.frames.readEntry(world.self, from, index);
    if (entry !== null && (entry.low & 1) !== 0) entries.set(index, entry);
  }
  const stored =
    store(world, directory, entries) && store(world, root, new Map([[3, tableEntry(directory, 3)]]));
  return stored ? root : null;
};

/** Fills an idle frame so that it can be no table: an entry with a reserved bit, or one that leads to a foreign frame. */
export const makeBroken = (world: World): Mfn | null => {
  const table = world.pool.idle();
  if (table === null) return null;
  const entry = world.draw.chance(2)
    ? { low: 0x0000_00e7, high: 0 }
    : { low: 0x27, high: 0x10_0000 | world.draw.below(16) };
  return store(world, table, new Map([[world.draw.below(4), entry]])) ? table : null;
};
