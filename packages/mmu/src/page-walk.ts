import { type MachineMemory, toMfn } from "@xenolith/machine-interface";
import { PAGE_FAULT, type PageTableShape, PTE, PTE_NX_HIGH, tableIndex } from "@xenolith/x86-architecture";
import { ReservedBits } from "./reserved-bits.ts";
import type { Space } from "./space.ts";

/** Index into the table of a level. Addresses of 32 bits, the usual ones, need no division. */
const indexOf = (shape: PageTableShape, level: number, at: number): number =>
  at >= 0 && at <= 0xffff_ffff && level < 4
    ? (at >>> (12 + shape.indexBits * (level - 1))) & (2 ** shape.indexBits - 1)
    : tableIndex(shape, level, at);

/** Most levels any format has. */
const MOST_LEVELS = 4;

/**
 * One walk through the page tables of a space, and what it found. One object is used again for every walk.
 *
 * A table outside RAM reads as all ones and ignores writes, as a bus does where nothing answers.
 */
export class PageWalk {
  /** Frame of the page, which may lie outside RAM. */
  frame: number = 0;
  /** R/W of all levels. */
  writable: boolean = false;
  /** U/S of all levels. */
  user: boolean = false;
  /** NX of any level. */
  noExecute: boolean = false;
  /** Size of the page in pages of 4 KiB. */
  pages: number = 1;
  /** After a walk that failed: bits P and RSVD of the error code. */
  failure: number = 0;

  readonly #memory: MachineMemory;
  readonly #reserved: ReservedBits;
  /** Machine addresses of the entries passed, from the root down. */
  readonly #path: Float64Array = new Float64Array(MOST_LEVELS);
  #depth = 0;
  /** Whether the first entry of the path has an accessed bit: not the PAE root's. */
  #rootHasAccessed = true;

  constructor(memory: MachineMemory, physicalAddressBits: number) {
    this.#memory = memory;
    this.#reserved = new ReservedBits(physicalAddressBits);
  }

  /**
   * Walks to the page of a linear address, changing nothing. [SDM3A-4.3] [SDM3A-4.4] [SDM3A-4.5]
   * @returns whether there is one; if not, {@link failure} says why.
   */
  walk(space: Space, at: number): boolean {
    this.writable = true;
    this.user = true;
    this.noExecute = false;
    this.#depth = 0;
    const { shape } = space;
    if (shape === null) {
      this.frame = Math.floor((at % 2 ** 32) / 4096);
      this.pages = 1;
      return true;
    }
    this.#rootHasAccessed = shape.levels !== 3;
    const { rootEntries } = space;
    let tableAddress = space.rootAddress;
    for (let level = shape.levels; level >= 1; level--) {
      const index = indexOf(shape, level, at);
      const entryAddress = tableAddress + index * shape.entryBytes;
      const isKept = rootEntries !== null && level === shape.levels;
      const low = isKept ? (rootEntries[2 * index] ?? 0) : this.#readWord(entryAddress);
      const upper = isKept ? (rootEntries[2 * index + 1] ?? 0) : this.#readWord(entryAddress + 4);
      const high = shape.entryBytes === 8 ? upper : 0;
      if ((low & PTE.present) === 0) return this.#fail(0);
      const large = this.#isLarge(space, shape, level, low);
      if (this.#reserved.anySet(space.context, level, low, high, large))
        return this.#fail(PAGE_FAULT.present | PAGE_FAULT.reserved);
      this.#path[this.#depth++] = entryAddress;
      if (level !== 3 || shape.levels !== 3) this.#restrict(low, high);
      if (large || level === 1) {
        this.#finish(shape, level, low, high, at);
        return true;
      }
      tableAddress = this.#tableAddress(shape, low, high);
    }
    return false;
  }

  /** Sets the accessed bits of the walk's entries, and the dirty bit of the last one for a write. [SDM3A-4.8] */
  touch(write: boolean): void {
    for (let i = this.#rootHasAccessed ? 0 : 1; i < this.#depth; i++) {
      const isLast = i === this.#depth - 1;
      this.#setBits(this.#path[i] ?? 0, PTE.accessed | (isLast && write ? PTE.dirty : 0));
    }
  }

  /** Frames of the tables that the walk went through between the root and the last one. */
  *tablesBetween(): Iterable<number> {
    for (let i = 1; i < this.#depth - 1; i++) yield Math.floor((this.#path[i] ?? 0) / 4096);
  }

  #fail(failure: number): false {
    this.failure = failure;
    return false;
  }

  #isLarge(space: Space, shape: PageTableShape, level: number, low: number): boolean {
    if (level === 1 || (low & PTE.large) === 0) return false;
    if (level === 2) return shape.entryBytes === 8 || space.context.largePages;
    return level === 3 && shape.levels === 4 && space.context.hugePages === true;
  }

  /** Permissions of one level narrow those of the levels above. The PAE root has none. */
  #restrict(low: number, high: number): void {
    if ((low & PTE.writable) === 0) this.writable = false;
    if ((low & PTE.user) === 0) this.user = false;
    if ((high & PTE_NX_HIGH) !== 0) this.noExecute = true;
  }

  #finish(shape: PageTableShape, level: number, low: number, high: number, at: number): void {
    this.pages = 2 ** (shape.indexBits * (level - 1));
    const first = level === 1 ? this.#frameOf(shape, low, high) : this.#largeFrame(shape, level, low, high);
    const page = Math.floor(at / 4096);
    this.frame = first + (((page % this.pages) + this.pages) % this.pages);
  }

  #frameOf(shape: PageTableShape, low: number, high: number): number {
    return shape.entryBytes === 8 ? (low >>> 12) + (high & 0xf_ffff) * 2 ** 20 : low >>> 12;
  }

  /** First frame of a large page. In 4-byte entries bits 20:13 are bits 39:32 of the address. [SDM3A-4.3] */
  #largeFrame(shape: PageTableShape, level: number, low: number, high: number): number {
    const pageBits = level === 3 ? 18 : 9;
    if (shape.entryBytes === 8) return ((low >>> (12 + pageBits)) << pageBits) + (high & 0xf_ffff) * 2 ** 20;
    return ((low >>> 22) << 10) + ((low >>> 13) & 0xff) * 2 ** 20;
  }

  #tableAddress(shape: PageTableShape, low: number, high: number): number {
    return this.#frameOf(shape, low, high) * 4096;
  }

  #readWord(address: number): number {
    return address < this.#memory.ramBytes ? (this.#memory.words[address / 4] ?? 0) : 0xffff_ffff;
  }

  #setBits(address: number, bits: number): void {
    if (address >= this.#memory.ramBytes) return;
    const before = this.#memory.words[address / 4] ?? 0;
    if ((before & bits) === bits) return;
    this.#memory.words[address / 4] = before | bits;
    this.#memory.written(toMfn(Math.floor(address / 4096)), address % 4096, 4);
  }
}
