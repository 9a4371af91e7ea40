import type { Mfn } from "@xenolith/machine-interface";
import type { GrantTable } from "./grant-table.ts";
import type { MappedFrames } from "./mapped-frames.ts";

/** A handle's number lies in its low bits; above it a generation, so that a stale handle is not taken for a new one. */
const NUMBER_BITS = 20;
const NUMBER_MASK = 0xf_ffff;
const GENERATION_MASK = 0x7ff;

/** What a domain has mapped of another: behind one handle. */
export interface Mapping {
  readonly handle: number;
  readonly granter: GrantTable;
  readonly ref: number;
  readonly frame: Mfn;
  readonly writable: boolean;
  /** The host part was made by the machine address of a page-table entry. */
  readonly containsPte: boolean;
  /** Parts that are still there. Both false: the mapping is over. */
  host: boolean;
  device: boolean;
  /** The page handle of a TypeScript kernel that holds it, revoked when the pages are taken away; null: a page-table entry does. */
  readonly pages: Pick<MappedFrames, "revoke"> | null;
}

/** The mappings of one domain by handle. */
export interface MapTrack {
  /** Handles left. */
  room(): number;
  /** Keeps a mapping. The caller has seen that there is room. */
  add(parts: Omit<Mapping, "handle">): Mapping;
  /** The mapping behind a handle, which may be any number. */
  find(handle: number): Mapping | undefined;
  /** Frees a handle. */
  remove(mapping: Mapping): void;
  readonly all: Iterable<Mapping>;
}

/** Handles in use and free ones, once there is any. */
interface Handles {
  readonly mappings: Map<number, Mapping>;
  readonly freeNumbers: number[];
  /** By number. */
  readonly generations: number[];
}

/** A class, not closures: a host has one for every domain. Most domains map nothing of others. */
class HandleTrack implements MapTrack {
  readonly #most: number;
  #handles: Handles | null = null;

  constructor(limit: number) {
    this.#most = Math.min(limit, NUMBER_MASK + 1);
  }

  get all(): Iterable<Mapping> {
    return this.#handles?.mappings.values() ?? [];
  }

  room(): number {
    return this.#most - (this.#handles?.mappings.size ?? 0);
  }

  add(parts: Omit<Mapping, "handle">): Mapping {
    this.#handles ??= { mappings: new Map(), freeNumbers: [], generations: [] };
    const { mappings, freeNumbers, generations } = this.#handles;
    const number = freeNumbers.pop() ?? generations.push(0) - 1;
    const handle = ((generations[number] ?? 0) << NUMBER_BITS) | number;
    const { granter, ref, frame, writable, containsPte, host, device, pages } = parts;
    // Field by field: objects that are made by spreading another have a layout of their own each.
    const mapping = { handle, granter, ref, frame, writable, containsPte, host, device, pages };
    mappings.set(handle, mapping);
    return mapping;
  }

  find(handle: number): Mapping | undefined {
    return this.#handles?.mappings.get(handle);
  }

  remove({ handle }: Mapping): void {
    if (this.#handles?.mappings.delete(handle) !== true) return;
    const { freeNumbers, generations } = this.#handles;
    const number = handle & NUMBER_MASK;
    generations[number] = ((generations[number] ?? 0) + 1) & GENERATION_MASK;
    freeNumbers.push(number);
  }
}

/** Makes an empty track of at most `limit` mappings (and never more than 2^20). */
export const createMapTrack = (limit: number): MapTrack => new HandleTrack(limit);
