import {
  ACCESS,
  type AddressTranslator,
  type Asid,
  type LinearAddress,
  type MachineMemory,
  type Mfn,
  type PagingContext,
  REFILL,
  REFILL_MAILBOX,
  toAsid,
  toMfn,
} from "@xenolith/machine-interface";
import { entryFrame, PAGE_TABLE_SHAPE, PTE, tableIndex } from "@xenolith/x86-architecture";

/** A translation as it was when it was first used. */
export interface CachedPage {
  readonly frame: Mfn;
  readonly writable: boolean;
}

/** A translator whose TLB never forgets by itself: what was not flushed is still there, so that a missing flush shows. */
export interface RememberingTranslator extends AddressTranslator {
  /** All that is cached, with the root of the space it belongs to. */
  cached(): { readonly root: Mfn; readonly page: number; readonly entry: CachedPage }[];
  /** Numbers of the pages of a space that are cached, but not as the tables have them now. */
  stale(space: Asid): readonly number[];
}

interface Space {
  readonly context: PagingContext;
  readonly pages: Map<number, CachedPage>;
}

/** Makes a translator for tests without a processor: it walks real tables with supervisor rights. */
export const createRememberingTranslator = (memory: MachineMemory): RememberingTranslator => {
  const mailbox = memory.reserve(REFILL_MAILBOX.sizeBytes);
  const spaces = new Map<Asid, Space>();
  const upperHalfNotes = new Set<number>();
  let opened = 0;

  const spaceOf = (name: Asid): Space => {
    const space = spaces.get(name);
    if (space === undefined) throw new Error(`no space ${name}`);
    return space;
  };

  const walk = ({ format, rootAddress, overlays }: PagingContext, at: number): CachedPage | null => {
    for (const { start, frames, writable } of overlays) {
      const frame = at >= start ? frames[Math.floor((at - start) / 4096)] : undefined;
      if (frame !== undefined) return { frame, writable };
    }
    if (format === "none") return null;
    const shape = PAGE_TABLE_SHAPE[format];
    let table = rootAddress;
    let writable = true;
    const tables: number[] = [];
    for (let level = shape.levels; level > 0; level--) {
      const entry = table + tableIndex(shape, level, at) * shape.entryBytes;
      const low = memory.view.getUint32(entry, true);
      const high = shape.entryBytes === 8 ? memory.view.getUint32(entry + 4, true) : 0;
      if ((low & PTE.present) === 0) return null;
      if (format !== "pae" || level < 3) writable &&= (low & PTE.writable) !== 0;
      if (level < shape.levels && level > 1) tables.push(table / 4096);
      table = entryFrame(low, high) * 4096;
      if (table >= memory.ramBytes) throw new Error(`the walk leaves RAM at ${at.toString(16)}`);
    }
    if (at < 0) for (const passed of tables) upperHalfNotes.add(passed);
    return { frame: toMfn(table / 4096), writable };
  };

  const lookUp = (space: Space, at: number): CachedPage | null => {
    const page = Math.floor(at / 4096);
    const known = space.pages.get(page);
    if (known !== undefined) return known;
    const found = walk(space.context, at);
    if (found !== null) space.pages.set(page, found);
    return found;
  };

  const fault = (at: number, present: boolean, access: number): number => {
    const write = (access & ACCESS.kindMask) === ACCESS.write ? 2 : 0;
    memory.view.setUint32(mailbox + REFILL_MAILBOX.errorCode, (present ? 1 : 0) | write, true);
    memory.view.setFloat64(mailbox + REFILL_MAILBOX.address, at, true);
    return REFILL.fault;
  };

  return {
    tlb: { read: 0, write: 0, execute: 0, mailbox, largeRange: mailbox },
    refillActive: () => REFILL.fault,
    open(context) {
      const name = toAsid(++opened);
      spaces.set(name, { context, pages: new Map() });
      return name;
    },
    change(name, context) {
      spaces.set(name, { context, pages: new Map() });
    },
    contextOf: (name) => spaceOf(name).context,
    close(name) {
      spaceOf(name);
      spaces.delete(name);
    },
    activate: () => 0,
    refill(name, at, access) {
      const entry = lookUp(spaceOf(name), at);
      const isWrite = (access & ACCESS.kindMask) === ACCESS.write;
      if (entry === null || (isWrite && !entry.writable)) return fault(at, entry !== null, access);
      memory.view.setUint32(mailbox + REFILL_MAILBOX.hostAddress, entry.frame * 4096 + (at % 4096), true);
      return REFILL.filled;
    },
    probe(name, at) {
      const entry = lookUp(spaceOf(name), at);
      return entry === null ? { mapped: false, errorCode: 0 } : { mapped: true, user: true, ...entry };
    },
    invalidate(name, at?: LinearAddress) {
      const { pages } = spaceOf(name);
      if (at === undefined) pages.clear();
      else pages.delete(Math.floor(at / 4096));
    },
    changeLowerHalf(name, context) {
      const { pages } = spaceOf(name);
      for (const page of pages.keys()) if (page >= 0) pages.delete(page);
      spaces.set(name, { context, pages });
    },
    invalidateLowerHalf(name) {
      const { pages } = spaceOf(name);
      for (const page of pages.keys()) if (page >= 0) pages.delete(page);
    },
    takeUpperHalfNote: (table) => upperHalfNotes.delete(table),
    invalidateFrame(frame) {
      for (const { pages } of spaces.values()) {
        for (const [page, entry] of pages) if (entry.frame === frame) pages.delete(page);
      }
    },
    stale(name) {
      const { context, pages } = spaceOf(name);
      return [...pages].flatMap(([page, entry]) => {
        const now = walk(context, page * 4096);
        return now?.frame === entry.frame && now.writable === entry.writable ? [] : [page];
      });
    },
    cached: () =>
      [...spaces.values()].flatMap(({ context, pages }) =>
        [...pages].map(([page, entry]) => ({ root: toMfn(context.rootAddress / 4096), page, entry })),
      ),
  };
};
