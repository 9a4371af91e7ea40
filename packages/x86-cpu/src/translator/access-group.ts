import type { Value } from "@xenolith/wasm-emitter";
import type { AccessEffect } from "./effects.ts";

/**
 * Most bytes from the first of a group to behind its last: a group that lies across the end of a page is left to the interpreter, which
 * costs as much as asking the TLB some thirty times.
 */
const MOST_BYTES = 64;

/** Accesses of one block that lie near to one another, whatever registers hold: the TLB is asked once for all of them. */
export class AccessGroup {
  /** What its addresses have in common; see `GroupFinder`. */
  readonly key: number;
  /** Distances from that of its first byte and of the one behind its last. */
  #low: number;
  #high: number;
  /** How many accesses it has. */
  count = 1;
  /** Whether one of them writes: what may be written may be read. */
  isWrite: boolean;
  /** Where its first byte is in memory, once a member has asked the TLB. */
  found: Value | null = null;

  constructor(key: number, place: number, { sizeBytes, isWrite }: AccessEffect) {
    this.key = key;
    this.#low = place;
    this.#high = place + sizeBytes;
    this.isWrite = isWrite;
  }

  /** Bytes from its first to behind its last. */
  get sizeBytes(): number {
    return this.#high - this.#low;
  }

  /** Bytes from its first to a place. */
  distanceTo(place: number): number {
    return place - this.#low;
  }

  /** Takes an access along unless it is too far away. @returns whether it has */
  join(place: number, { sizeBytes, isWrite }: AccessEffect): boolean {
    const low = Math.min(this.#low, place);
    const high = Math.max(this.#high, place + sizeBytes);
    if (high - low > MOST_BYTES) return false;
    this.#low = low;
    this.#high = high;
    this.count += 1;
    this.isWrite ||= isWrite;
    return true;
  }
}

/** An access: its group, and where in that. */
export interface GroupMember {
  readonly group: AccessGroup;
  readonly place: number;
}

/** The accesses of a block that may be in groups, by the positions of the instructions that make them: their only ones. */
export type AccessGroups = readonly (GroupMember | null)[];

/** Of a block without groups. */
export const NO_GROUPS: AccessGroups = [];
