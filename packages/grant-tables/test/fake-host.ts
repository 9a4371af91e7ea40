import {
  createGrantTables,
  type GrantHost,
  type GrantTables,
  type MappingPlace,
} from "@xenolith/grant-tables";
import { type Mfn, PAGE_SIZE, toMfn } from "@xenolith/machine-interface";
import { type DomId, type GrantRef, toDomId, toGrantRef } from "@xenolith/xen-abi";
import { GRANT_ENTRY_V1 } from "@xenolith/xen-abi/grant-table";

export const DOM0: DomId = toDomId(0);
export const DOM1: DomId = toDomId(1);
export const DOM2: DomId = toDomId(2);

const FRAMES = 64;
const FREE = -1;
const MONITOR = -2;

/** Frames each domain owns at the start: 10 to 19 are domain 0's, 20 to 29 domain 1's, 30 to 39 domain 2's. */
export const ownFrame = (domain: DomId, index: number): Mfn => toMfn(10 + domain * 10 + index);

interface Entry {
  readonly frame: Mfn;
  readonly writable: boolean;
}

/** A machine of a few frames, with page tables that are nothing but a list of entries by place. */
export interface FakeMachine extends GrantHost {
  readonly bytes: Uint8Array;
  /** Holds by frame: reads and writes. */
  readonly reads: number[];
  readonly writes: number[];
  readonly owners: number[];
  /** Frames that cannot be written: they count as page tables. */
  readonly pageTableFrames: Set<number>;
  /** What `install` made, by domain and place. */
  readonly entries: Map<string, Entry>;
  /** What happened, in order: flushes, stores seen by the frame watch. */
  readonly notes: string[];
  /** Places of which `install` says that there is no such place. */
  readonly noPlaces: Set<number>;
}

const placeKey = (domain: DomId, { kind, address }: MappingPlace): string => `${domain} ${kind} ${address}`;

export const createFakeMachine = (): FakeMachine => {
  const bytes = new Uint8Array(FRAMES * PAGE_SIZE);
  const owners: number[] = Array.from({ length: FRAMES }, (_unused, frame) =>
    frame >= 10 && frame < 40 ? Math.floor(frame / 10) - 1 : FREE,
  );
  const reads: number[] = new Array(FRAMES).fill(0);
  const writes: number[] = new Array(FRAMES).fill(0);
  const entries = new Map<string, Entry>();
  const pageTableFrames = new Set<number>();
  const noPlaces = new Set<number>();
  const notes: string[] = [];
  const change = (counts: number[], frame: Mfn, by: number): void => {
    const next = (counts[frame] ?? 0) + by;
    if (next < 0) throw new Error(`frame ${frame} given back without a hold`);
    counts[frame] = next;
  };
  return {
    bytes,
    reads,
    writes,
    owners,
    entries,
    pageTableFrames,
    noPlaces,
    notes,
    memory: {
      bytes,
      view: new DataView(bytes.buffer),
      written: (frame, offset, length) => notes.push(`written ${frame} ${offset} ${length}`),
    },
    frames: {
      getPage: (frame, owner) => {
        if (owners[frame] !== owner) return false;
        change(reads, frame, 1);
        return true;
      },
      putPage: (frame) => change(reads, frame, -1),
      getWritablePage: (frame, owner) => {
        if (owners[frame] !== owner || pageTableFrames.has(frame)) return false;
        change(writes, frame, 1);
        return true;
      },
      putWritablePage: (frame) => change(writes, frame, -1),
      allocateShared: () => {
        const frame = owners.indexOf(FREE, 40);
        if (frame < 0) return null;
        owners[frame] = MONITOR;
        return toMfn(frame);
      },
      releaseShared: (frame) => {
        owners[frame] = FREE;
      },
    },
    pageTables: {
      install: (domain, place, frame, { writable }) => {
        if (noPlaces.has(place.address)) return false;
        entries.set(placeKey(domain, place), { frame, writable });
        return true;
      },
      remove: (domain, place, frame, writable) => {
        const entry = entries.get(placeKey(domain, place));
        if (entry === undefined || entry.frame !== frame || entry.writable !== writable) return false;
        return entries.delete(placeKey(domain, place));
      },
    },
    flushFrame: (frame) => notes.push(`flush ${frame}`),
  };
};

/** Three domains with grant tables: 0 privileged, 1 and 2 not. */
export interface Setting {
  readonly machine: FakeMachine;
  readonly grants: GrantTables;
  /** Writes an entry as the domain itself would. */
  entry(domain: DomId, ref: number, flags: number, to: DomId, frame: number): GrantRef;
  /** Reads the flags of an entry. */
  flags(domain: DomId, ref: number): number;
}

export const createSetting = (
  limits: { readonly maximumFrames?: number; readonly maximumMappings?: number } = {},
): Setting => {
  const machine = createFakeMachine();
  const grants = createGrantTables(machine);
  for (const domain of [DOM0, DOM1, DOM2])
    grants.addDomain(domain, { privileged: domain === DOM0, ...limits });
  const at = (domain: DomId, ref: number): number =>
    (grants.tableFrames(domain)[Math.floor(ref / 512)] ?? 0) * PAGE_SIZE + (ref % 512) * 8;
  return {
    machine,
    grants,
    entry: (domain, ref, flags, to, frame) => {
      const value = { flags, domid: to, frame };
      GRANT_ENTRY_V1.write(machine.memory.view, at(domain, ref), "x86_32p", value);
      return toGrantRef(ref);
    },
    flags: (domain, ref) => machine.memory.view.getUint16(at(domain, ref), true),
  };
};

/** Whether anything of anybody's is still held. */
export const heldFrames = ({ machine }: Setting): number[] =>
  machine.owners.flatMap((_owner, frame) =>
    (machine.reads[frame] ?? 0) + (machine.writes[frame] ?? 0) > 0 ? [frame] : [],
  );
