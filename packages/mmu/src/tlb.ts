import {
  ACCESS,
  type MachineMemory,
  type Mfn,
  REFILL_MAILBOX,
  TLB_ENTRY_BYTES,
  TLB_ENTRY_COUNT,
  TLB_TAG,
  type TlbRegion,
} from "@xenolith/machine-interface";

const WORDS_PER_ENTRY = TLB_ENTRY_BYTES / 4;
const ARRAY_BYTES = TLB_ENTRY_COUNT * TLB_ENTRY_BYTES;
const INDEX_MASK = TLB_ENTRY_COUNT - 1;

/** Words of an entry. */
const WORD = { tagLow: 0, tagHigh: 1, addend: 2, frame: 3 } as const;

/** What the byte of a frame says: whether entries of the read and execute arrays, or of the write array, may lead there. */
export const CACHED = { readOrExecute: 1, write: 2 } as const;

/**
 * The software TLB in machine memory: the three arrays of the contract, and one byte per frame that says whether the frame
 * may be cached at all. Entries of global pages are as any other: that they outlive a change of root is nothing that the
 * manual promises. [SDM3A-4.10.4]
 */
export class SoftwareTlb {
  readonly region: Omit<TlbRegion, "largeRange">;
  /** Offset of the byte of frame 0, values of {@link CACHED}. */
  readonly cachedTableOffset: number;
  readonly #words: Uint32Array;
  readonly #bytes: Uint8Array;

  constructor(memory: MachineMemory) {
    this.#words = memory.words;
    this.#bytes = memory.bytes;
    const read = memory.reserve(3 * ARRAY_BYTES);
    this.region = {
      read,
      write: read + ARRAY_BYTES,
      execute: read + 2 * ARRAY_BYTES,
      mailbox: memory.reserve(REFILL_MAILBOX.sizeBytes),
    };
    this.cachedTableOffset = memory.reserve(memory.frameCount);
    this.empty();
  }

  /** Makes every entry invalid. */
  empty(): void {
    const first = this.region.read / 4;
    this.#words.fill(0xffff_ffff, first, first + (3 * ARRAY_BYTES) / 4);
  }

  /**
   * Enters a page.
   * @param pageAddress linear address of the page
   * @param tag number of the space
   * @param access decides the array and the low bits of the tag
   */
  fill(pageAddress: number, tag: number, access: number, frame: number): void {
    const kind = access & ACCESS.kindMask;
    const low = pageAddress >>> 0;
    const entry = kind * TLB_ENTRY_COUNT + ((low >>> 12) & INDEX_MASK);
    const word = this.region.read / 4 + entry * WORDS_PER_ENTRY;
    const tagLow =
      low |
      (tag << 2) |
      (access & ACCESS.narrow ? TLB_TAG.narrow : 0) |
      (access & ACCESS.user ? TLB_TAG.user : 0);
    this.#words[word + WORD.tagLow] = tagLow;
    this.#words[word + WORD.tagHigh] = Math.floor(pageAddress / 2 ** 32);
    this.#words[word + WORD.addend] = frame * 4096 - low;
    this.#words[word + WORD.frame] = frame;
    const cached = kind === ACCESS.write ? CACHED.write : CACHED.readOrExecute;
    this.#bytes[this.cachedTableOffset + frame] = (this.#bytes[this.cachedTableOffset + frame] ?? 0) | cached;
  }

  /** Forgets one page of a space, whatever the low bits of its tags. */
  forgetPage(pageAddress: number, tag: number): void {
    const low = pageAddress >>> 0;
    const wanted = (low | (tag << 2)) >>> 0;
    for (let kind = 0; kind < 3; kind++) {
      const entry = kind * TLB_ENTRY_COUNT + ((low >>> 12) & INDEX_MASK);
      const word = this.region.read / 4 + entry * WORDS_PER_ENTRY;
      // The high half is not looked at: to forget a page that shares the low half costs one refill.
      if (((this.#words[word + WORD.tagLow] ?? 0) & ~3) >>> 0 === wanted) this.#invalidateEntry(word);
    }
  }

  /** Forgets everything that leads to a frame. Cheap when nothing does. */
  forgetFrame(frame: Mfn): void {
    const flags = this.#bytes[this.cachedTableOffset + frame];
    if (flags === 0 || flags === undefined) return;
    this.#forgetFrameIn(0, 3, frame);
    this.#bytes[this.cachedTableOffset + frame] = 0;
  }

  /** Forgets the entries that allow to write to a frame. Cheap when there are none. */
  forgetWritesTo(frame: Mfn): void {
    const flags = this.#bytes[this.cachedTableOffset + frame] ?? 0;
    if ((flags & CACHED.write) === 0) return;
    this.#forgetFrameIn(ACCESS.write, ACCESS.write + 1, frame);
    this.#bytes[this.cachedTableOffset + frame] = flags & ~CACHED.write;
  }

  #forgetFrameIn(firstKind: number, endKind: number, frame: Mfn): void {
    const first = this.region.read / 4;
    const end = first + endKind * TLB_ENTRY_COUNT * WORDS_PER_ENTRY;
    for (
      let word = first + firstKind * TLB_ENTRY_COUNT * WORDS_PER_ENTRY;
      word < end;
      word += WORDS_PER_ENTRY
    ) {
      if (this.#words[word + WORD.frame] === frame) this.#invalidateEntry(word);
    }
  }

  #invalidateEntry(word: number): void {
    this.#words[word + WORD.tagLow] = 0xffff_ffff;
    this.#words[word + WORD.tagHigh] = 0xffff_ffff;
    this.#words[word + WORD.frame] = 0xffff_ffff;
  }
}
