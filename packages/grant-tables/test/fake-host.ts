import {
  createGrantTables,
  type GrantHost,
  type GrantTables,
  type MappingPlace,
} from "@xenolith/grant-tables";
import { type Mfn, PAGE_SIZE, toMfn } from "@xenolith/machine-interface";
import { type DomId, type GrantRef, toDomId, toGrantRef } from "@xenolith/xen-abi";
import {
  GRANT_ENTRY_V1,
  GRANT_ENTRY_V2,
  GRANT_ENTRY_V2_TRANSITIVE,
  GTF_reading,
  GTF_transitive,
  GTF_writing,
} from "@xenolith/xen-abi/grant-table";

export const DOM0: DomId = toDomId(0);
export const DOM1: DomId = toDomId(1);
export const DOM2: DomId = toDomId(2);

const FRAMES = 64;
const FREE = -1;
const MONITOR = -2;
const STOLEN = -3;

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
  /** Frames of tables that their domain has mapped. */
  readonly mappedShared: Set<number>;
  /** Domains that may not own more. */
  readonly full: Set<DomId>;
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
  const mappedShared = new Set<number>();
  const full = new Set<DomId>();
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
    mappedShared,
    full,
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
      isIdleShared: (frame) => !mappedShared.has(frame),
      releaseShared: (frame) => {
        owners[frame] = FREE;
      },
      exists: (frame) => frame >= 0 && frame < FRAMES,
      ownerOf: (frame) => (owners[frame] ?? FREE) as DomId,
      steal: (frame, owner) => {
        const idle = (reads[frame] ?? 0) + (writes[frame] ?? 0) === 0;
        if (owners[frame] !== owner || !idle || pageTableFrames.has(frame)) return false;
        owners[frame] = STOLEN;
        return true;
      },
      assign: (frame, domain) => {
        if (full.has(domain)) return false;
        owners[frame] = domain;
        return true;
      },
      discard: (frame) => {
        owners[frame] = FREE;
      },
      setPhysicalNumber: (frame, pfn) => notes.push(`physical ${frame} ${pfn}`),
    },
    pageTables: {
      install: (domain, place, frame, { writable }) => {
        if (noPlaces.has(place.address)) return false;
        entries.set(placeKey(domain, place), { frame, writable });
        return true;
      },
      remove: (domain, place, frame, writable, newAddress) => {
        const entry = entries.get(placeKey(domain, place));
        if (entry === undefined || entry.frame !== frame || entry.writable !== writable) return false;
        if (newAddress !== 0 && noPlaces.has(newAddress)) return false;
        entries.delete(placeKey(domain, place));
        const other = placeKey(domain, { kind: "linear", address: newAddress });
        const moved = newAddress === 0 ? undefined : entries.get(other);
        if (moved !== undefined) entries.set(placeKey(domain, place), moved);
        entries.delete(other);
        return true;
      },
    },
    flushFrame: (frame) => notes.push(`flush ${frame}`),
  };
};

/** Bytes of a page that version 2 offers. */
export interface Part {
  readonly pageOffset: number;
  readonly length: number;
}

/** Three domains with grant tables: 0 privileged, 1 and 2 not. */
export interface Setting {
  readonly machine: FakeMachine;
  readonly grants: GrantTables;
  /** Writes an entry as the domain itself would, in its version of the table. */
  entry(domain: DomId, ref: number, flags: number, to: DomId, frame: number, part?: Part): GrantRef;
  /** Writes an entry of version 2 that passes a grant on. */
  transitive(domain: DomId, ref: number, to: DomId, from: DomId, fromRef: number): GrantRef;
  /** Reads the flags of an entry. */
  flags(domain: DomId, ref: number): number;
  /** Reads the uses of an entry of version 2. */
  status(domain: DomId, ref: number): number;
  /** Uses that an entry shows, wherever its version has them. */
  shown(domain: DomId, ref: number): number;
}

export const createSetting = (
  limits: { readonly maximumFrames?: number; readonly maximumMappings?: number } = {},
): Setting => {
  const machine = createFakeMachine();
  const grants = createGrantTables(machine);
  for (const domain of [DOM0, DOM1, DOM2])
    grants.addDomain(domain, { privileged: domain === DOM0, ...limits });
  const { view } = machine.memory;
  const versionOf = (domain: DomId): number => grants.getVersion(domain, domain);
  const at = (domain: DomId, ref: number): number => {
    const [perFrame, bytes] = versionOf(domain) === 1 ? [512, 8] : [256, 16];
    return (
      (grants.tableFrames(domain)[Math.floor(ref / perFrame)] ?? 0) * PAGE_SIZE + (ref % perFrame) * bytes
    );
  };
  const flags = (domain: DomId, ref: number): number => view.getUint16(at(domain, ref), true);
  const status = (domain: DomId, ref: number): number => {
    const [frame = 0] = grants.getStatusFrames(domain, domain, 1).frames;
    return view.getUint16(frame * PAGE_SIZE + 2 * ref, true);
  };
  return {
    machine,
    grants,
    entry: (domain, ref, flags, to, frame, part = { pageOffset: 0, length: 0 }) => {
      const value = { flags, domid: to, frame, ...part };
      if (versionOf(domain) === 1) GRANT_ENTRY_V1.write(view, at(domain, ref), "x86_32p", value);
      else GRANT_ENTRY_V2.write(view, at(domain, ref), "x86_32p", value);
      return toGrantRef(ref);
    },
    transitive: (domain, ref, to, from, fromRef) => {
      const value = { flags: GTF_transitive, domid: to, transDomid: from, ref: toGrantRef(fromRef) };
      GRANT_ENTRY_V2_TRANSITIVE.write(view, at(domain, ref), "x86_32p", value);
      return toGrantRef(ref);
    },
    flags,
    status,
    shown: (domain, ref) =>
      (versionOf(domain) === 1 ? flags(domain, ref) : status(domain, ref)) & (GTF_reading | GTF_writing),
  };
};

/** Whether anything of anybody's is still held. */
export const heldFrames = ({ machine }: Setting): number[] =>
  machine.owners.flatMap((_owner, frame) =>
    (machine.reads[frame] ?? 0) + (machine.writes[frame] ?? 0) > 0 ? [frame] : [],
  );
