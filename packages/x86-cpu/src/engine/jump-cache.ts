import type { MachineMemory } from "@xenolith/machine-interface";
import { cachedEntryOffset, ENTRY_CACHE, ENTRY_CACHE_BYTES, targetOf } from "../interpreter/entry-cache.ts";
import {
  frameOfCode,
  JUMP_CACHE_BYTES,
  JUMP_ENTRY,
  JUMP_ENTRY_BYTES,
  JUMP_WAYS,
  jumpCodeOf,
  jumpSetOffset,
  NO_CODE,
} from "../interpreter/jump-cache.ts";
import { HEADER, headerOf } from "../interpreter/record.ts";
import type { Block } from "./block.ts";

const SET_BYTES = JUMP_WAYS * JUMP_ENTRY_BYTES;

/**
 * The jump cache as TypeScript fills it, and the entry cache as it empties it: generated code fills that one. The first entry of a set is
 * the newest; the last one makes room.
 */
export class JumpCache {
  /** Offset in memory. */
  readonly offset: number;
  /** Offset in memory of the entry cache. */
  readonly entryCache: number;
  readonly #machine: MachineMemory;
  readonly #view: DataView;

  constructor(machine: MachineMemory) {
    this.#machine = machine;
    this.#view = machine.view;
    this.offset = machine.reserve(JUMP_CACHE_BYTES);
    this.entryCache = machine.reserve(ENTRY_CACHE_BYTES);
    this.clear();
  }

  /** Empties it. */
  clear(): void {
    const { words } = this.#machine;
    words.fill(NO_CODE, this.offset >>> 2, (this.offset + JUMP_CACHE_BYTES) >>> 2);
    words.fill(NO_CODE, this.entryCache >>> 2, (this.entryCache + ENTRY_CACHE_BYTES) >>> 2);
  }

  /** Lets a block be found: as the entry of a translation where it is one, or as records. */
  put(block: Block): void {
    this.#dropCached(block);
    if (this.#find(block) < 0) {
      const at = this.#makeRoom(block.instructionPointer);
      const view = this.#view;
      const high = Math.floor(block.instructionPointer / 0x1_0000_0000);
      view.setUint32(at + JUMP_ENTRY.instructionPointer, block.instructionPointer >>> 0, true);
      view.setInt32(at + JUMP_ENTRY.instructionPointer + 4, high, true);
      view.setUint32(at + JUMP_ENTRY.code, jumpCodeOf(block.frame, block.mode), true);
      view.setUint32(at + JUMP_ENTRY.record, block.record, true);
    }
    this.#setTranslation(block);
  }

  /** Takes over what translation a block is an entry of now. */
  update(block: Block): void {
    this.#dropCached(block);
    this.#setTranslation(block);
  }

  /** Lets a block be found no more. */
  remove(block: Block): void {
    this.#dropCached(block);
    const at = this.#find(block);
    if (at < 0) return;
    this.#view.setUint32(at + JUMP_ENTRY.code, NO_CODE, true);
    this.#view.setUint32(at + JUMP_ENTRY.record, 0, true);
  }

  /** The frame that code at an offset in CS was read from last, if it is found here; else null. */
  frameOf(mode: number, instructionPointer: number): number | null {
    const view = this.#view;
    const high = Math.floor(instructionPointer / 0x1_0000_0000);
    const first = this.#setOf(instructionPointer);
    for (let at = first; at < first + SET_BYTES; at += JUMP_ENTRY_BYTES) {
      const isIt =
        view.getUint32(at + JUMP_ENTRY.instructionPointer, true) === instructionPointer >>> 0 &&
        view.getInt32(at + JUMP_ENTRY.instructionPointer + 4, true) === high;
      const frame = isIt ? frameOfCode(view.getUint32(at + JUMP_ENTRY.code, true), mode) : null;
      if (frame !== null) return frame;
    }
    return null;
  }

  /** Takes an offset in CS out of the entry cache, which may know it even where the jump cache has forgotten it. */
  #dropCached({ instructionPointer }: Block): void {
    const at = this.entryCache + cachedEntryOffset(instructionPointer);
    this.#view.setUint32(at + ENTRY_CACHE.code, NO_CODE, true);
  }

  #setOf(instructionPointer: number): number {
    return this.offset + jumpSetOffset(instructionPointer);
  }

  /** The first entry of a set, when the others have moved on. */
  #makeRoom(instructionPointer: number): number {
    const first = this.#setOf(instructionPointer);
    this.#machine.bytes.copyWithin(first + JUMP_ENTRY_BYTES, first, first + SET_BYTES - JUMP_ENTRY_BYTES);
    return first;
  }

  /** Says in a block's header what translation it is an entry of now. */
  #setTranslation({ record, spot: { entry } }: Block): void {
    const target = entry === null ? 0 : targetOf(entry.slot, entry.entry);
    this.#view.setUint32(headerOf(record) + HEADER.translation, target, true);
  }

  /** The entry of a block, or -1. */
  #find({ instructionPointer, record }: Block): number {
    const first = this.#setOf(instructionPointer);
    for (let at = first; at < first + SET_BYTES; at += JUMP_ENTRY_BYTES) {
      if (this.#view.getUint32(at + JUMP_ENTRY.record, true) === record) return at;
    }
    return -1;
  }
}
