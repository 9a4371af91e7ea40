import type { MachineMemory } from "@xenolith/machine-interface";
import { cachedEntryOffset, ENTRY_CACHE, ENTRY_CACHE_BYTES, NO_CODE } from "../interpreter/entry-cache.ts";
import {
  JUMP_CACHE_BYTES,
  JUMP_ENTRY,
  JUMP_ENTRY_BYTES,
  JUMP_WAYS,
  jumpSetOffset,
} from "../interpreter/jump-cache.ts";
import type { Block, EntryPoint } from "./block.ts";

const EMPTY_MODE = 0xffff_ffff;
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
    words.fill(0xffff_ffff, this.offset >>> 2, (this.offset + JUMP_CACHE_BYTES) >>> 2);
    words.fill(NO_CODE, this.entryCache >>> 2, (this.entryCache + ENTRY_CACHE_BYTES) >>> 2);
  }

  /** Lets a block be found: as the entry of a translation where it is one, or as records. */
  put(block: Block): void {
    this.#dropCached(block);
    let at = this.#find(block);
    if (at < 0) {
      at = this.#makeRoom(block.instructionPointer);
      const view = this.#view;
      const high = Math.floor(block.instructionPointer / 0x1_0000_0000);
      view.setUint32(at + JUMP_ENTRY.instructionPointer, block.instructionPointer >>> 0, true);
      view.setInt32(at + JUMP_ENTRY.instructionPointer + 4, high, true);
      view.setUint32(at + JUMP_ENTRY.mode, block.mode, true);
      view.setUint32(at + JUMP_ENTRY.frame, block.frame, true);
      view.setUint32(at + JUMP_ENTRY.record, block.record, true);
    }
    this.#setEntry(at, block.spot.entry);
  }

  /** Takes over, where a block is found, what translation it is an entry of now. */
  update(block: Block): void {
    this.#dropCached(block);
    const at = this.#find(block);
    if (at >= 0) this.#setEntry(at, block.spot.entry);
  }

  /** Lets a block be found no more. */
  remove(block: Block): void {
    this.#dropCached(block);
    const at = this.#find(block);
    if (at < 0) return;
    this.#view.setUint32(at + JUMP_ENTRY.mode, EMPTY_MODE, true);
    this.#setEntry(at, null);
  }

  /** The frame that code at an offset in CS was read from last, if it is found here; else null. */
  frameOf(mode: number, instructionPointer: number): number | null {
    const view = this.#view;
    const high = Math.floor(instructionPointer / 0x1_0000_0000);
    const first = this.#setOf(instructionPointer);
    for (let at = first; at < first + SET_BYTES; at += JUMP_ENTRY_BYTES) {
      const isIt =
        view.getUint32(at + JUMP_ENTRY.mode, true) === mode &&
        view.getUint32(at + JUMP_ENTRY.instructionPointer, true) === instructionPointer >>> 0 &&
        view.getInt32(at + JUMP_ENTRY.instructionPointer + 4, true) === high;
      if (isIt) return view.getUint32(at + JUMP_ENTRY.frame, true);
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

  #setEntry(at: number, entry: EntryPoint | null): void {
    this.#view.setUint32(at + JUMP_ENTRY.slot, entry?.slot ?? 0, true);
    this.#view.setUint32(at + JUMP_ENTRY.entry, entry?.entry ?? 0, true);
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
