import {
  ACCESS,
  type MachineMemory,
  type Mfn,
  REFILL_MAILBOX,
  TLB_ENTRY_BYTES,
  TLB_ENTRY_COUNT,
  TLB_TAG,
  type TlbRegion,
  tlbIndex,
} from "@xenolith/machine-interface";

const WORDS_PER_ENTRY = TLB_ENTRY_BYTES / 4;
const ARRAY_BYTES = TLB_ENTRY_COUNT * TLB_ENTRY_BYTES;
/** Of the number of a space in a tag, once that is shifted down. */
const SPACE_MASK = 0x3ff;

/** Words of an entry. */
const WORD = { tagLow: 0, tagHigh: 1, addend: 2, frame: 3 } as const;

/**
 * What the 64 bits of a frame say of entries that may lead there: their index in the arrays plus 1, 16 bits each, the latest
 * one lowest; 0 is none. A frame that is entered at one more takes the place of one where something else is by now; where there
 * is none it has all bits set, and is searched for.
 */
export const PLACES = { bits: 16, mask: 0xffff, frameBytes: 8, many: 0xffff_ffff } as const;

/**
 * The list of entries of lower halves, for forgetting them without looking at all entries: the number of its words, then for
 * each the number of an entry, counted through all three arrays. Only those of spaces whose lower half has been forgotten before
 * are listed. An entry may be listed several times, and need not be valid any more. With one word more than `capacity` the list
 * is not complete.
 */
export const LOWER_LIST = { capacity: 1024, count: 0, entries: 4 } as const;

/**
 * The software TLB in machine memory: the three arrays of the contract; 8 bytes per frame that say where entries that lead to
 * it may be; a list of entries of lower halves; and a byte per frame that says whether an entry of an upper half was found
 * through it, as a table between root and level 1. Entries of global pages are as any other: that they outlive a change of
 * root is nothing that the manual promises. [SDM3A-4.10.4]
 */
export class SoftwareTlb {
  readonly region: Omit<TlbRegion, "largeRange">;
  /** Offset of the places of frame 0; see {@link PLACES}. */
  readonly placesOffset: number;
  /** Offset of the list of lower halves; see {@link LOWER_LIST}. */
  readonly lowerListOffset: number;
  /** Offset of the byte of frame 0: 1 if it is a table that led to a page of an upper half. */
  readonly upperNotesOffset: number;
  readonly #bytes: Uint8Array;
  readonly #words: Uint32Array;
  /** The places of all frames. */
  readonly #places: Uint32Array;
  /** Index of the word that counts the list. */
  readonly #countWord: number;
  /** By number of a space: 1 if its entries of the lower half are listed. */
  readonly #listed = new Uint8Array(SPACE_MASK + 1);

  constructor(memory: MachineMemory) {
    this.#bytes = memory.bytes;
    this.#words = memory.words;
    const read = memory.reserve(3 * ARRAY_BYTES);
    this.region = {
      read,
      write: read + ARRAY_BYTES,
      execute: read + 2 * ARRAY_BYTES,
      mailbox: memory.reserve(REFILL_MAILBOX.sizeBytes),
    };
    this.placesOffset = memory.reserve(memory.frameCount * PLACES.frameBytes);
    const firstPlace = this.placesOffset / 4;
    this.#places = memory.words.subarray(firstPlace, firstPlace + 2 * memory.frameCount);
    this.lowerListOffset = memory.reserve(LOWER_LIST.entries + 4 * (LOWER_LIST.capacity + 1));
    this.#countWord = this.lowerListOffset / 4;
    this.upperNotesOffset = memory.reserve(memory.frameCount);
    this.empty();
  }

  /** Makes every entry invalid. */
  empty(): void {
    const first = this.region.read / 4;
    this.#words.fill(0xffff_ffff, first, first + (3 * ARRAY_BYTES) / 4);
    this.#places.fill(0);
    this.#listed.fill(0);
    this.#words[this.#countWord] = 0;
  }

  /**
   * Enters a page.
   * @param pageAddress linear address of the page
   * @param tag number of the space
   * @param access decides the array and the low bits of the tag
   */
  fill(pageAddress: number, tag: number, access: number, frame: number): void {
    const low = pageAddress >>> 0;
    const index = tlbIndex(pageAddress);
    const word = this.#entryAt(access & ACCESS.kindMask, index);
    const tagLow =
      low |
      (tag << 2) |
      (access & ACCESS.narrow ? TLB_TAG.narrow : 0) |
      (access & ACCESS.user ? TLB_TAG.user : 0);
    this.#words[word + WORD.tagLow] = tagLow;
    this.#words[word + WORD.tagHigh] = Math.floor(pageAddress / 2 ** 32);
    this.#words[word + WORD.addend] = frame * 4096 - low;
    this.#words[word + WORD.frame] = frame;
    this.#notePlace(frame, index + 1);
    if (pageAddress >= 0 && this.isListed(tag))
      this.#listLower((word - this.region.read / 4) / WORDS_PER_ENTRY);
  }

  /** Forgets one page of a space, whatever the low bits of its tags. */
  forgetPage(pageAddress: number, tag: number): void {
    const low = pageAddress >>> 0;
    const wanted = (low | (tag << 2)) >>> 0;
    const index = tlbIndex(pageAddress);
    for (let kind = 0; kind < 3; kind++) {
      const word = this.#entryAt(kind, index);
      // The high half is not looked at: to forget a page that shares the low half costs one refill.
      if (((this.#words[word + WORD.tagLow] ?? 0) & ~3) >>> 0 === wanted) this.#invalidateEntry(word);
    }
  }

  /** Whether a space's entries of the lower half are listed. */
  isListed(tag: number): boolean {
    return this.#listed[tag] === 1;
  }

  /** Lists a space's entries of the lower half from now on, or lets them fall out of the list. */
  setListed(tag: number, isListed: boolean): void {
    this.#listed[tag] = isListed ? 1 : 0;
  }

  /** Forgets what lies in the lower half of a space, whatever the low bits of its tags. From then on it is listed. */
  forgetLowerHalf(tag: number): void {
    const count = this.#words[this.#countWord] ?? 0;
    this.#words[this.#countWord] = 0;
    if (count > LOWER_LIST.capacity || !this.isListed(tag)) {
      this.setListed(tag, true);
      for (let entry = 0; entry < 3 * TLB_ENTRY_COUNT; entry++) this.#forgetLower(entry, tag);
      return;
    }
    const first = this.#countWord + LOWER_LIST.entries / 4;
    for (let word = first; word < first + count; word++) this.#forgetLower(this.#words[word] ?? 0, tag);
  }

  /** Notes that an entry of an upper half was found through a table. */
  noteUpperHalf(table: number): void {
    this.#bytes[this.upperNotesOffset + table] = 1;
  }

  /** Takes that note away. @returns whether there was one. */
  takeUpperHalfNote(table: number): boolean {
    const at = this.upperNotesOffset + table;
    if (this.#bytes[at] !== 1) return false;
    this.#bytes[at] = 0;
    return true;
  }

  /** Forgets an entry if it is one of a space's lower half; lists it if it is another's that is listed. */
  #forgetLower(entry: number, tag: number): void {
    const word = this.region.read / 4 + entry * WORDS_PER_ENTRY;
    // Those of upper halves and empty ones are negative.
    if ((this.#words[word + WORD.tagHigh] ?? 0) > 0x7fff_ffff) return;
    const owner = ((this.#words[word + WORD.tagLow] ?? 0) >>> 2) & SPACE_MASK;
    if (owner === tag) this.#invalidateEntry(word);
    else if (this.isListed(owner)) this.#listLower(entry);
  }

  #listLower(entry: number): void {
    const count = this.#words[this.#countWord] ?? 0;
    if (count > LOWER_LIST.capacity) return;
    this.#words[this.#countWord + LOWER_LIST.entries / 4 + count] = entry;
    this.#words[this.#countWord] = count + 1;
  }

  /** Forgets everything that leads to a frame. Cheap unless it was entered at many places. */
  forgetFrame(frame: Mfn): void {
    const word = 2 * frame;
    if (this.#places[word] === 0) return;
    for (let kind = 0; kind < 3; kind++) this.#forgetFrameIn(kind, frame);
    this.#places[word] = 0;
    this.#places[word + 1] = 0;
  }

  /** Forgets the entries that allow to write to a frame. Cheap unless it was entered at many places. */
  forgetWritesTo(frame: Mfn): void {
    this.#forgetFrameIn(ACCESS.write, frame);
  }

  #notePlace(frame: number, place: number): void {
    const word = 2 * frame;
    const late = this.#places[word] ?? 0;
    const early = this.#places[word + 1] ?? 0;
    for (const both of [late, early])
      if ((both & PLACES.mask) === place || both >>> PLACES.bits === place) return;
    if (early >>> PLACES.bits === 0) {
      this.#places[word] = (late << PLACES.bits) | place;
      this.#places[word + 1] = (early << PLACES.bits) | (late >>> PLACES.bits);
    } else if (!this.#takePlace(word, frame, place) && !this.#takePlace(word + 1, frame, place)) {
      this.#places[word] = PLACES.many;
      this.#places[word + 1] = PLACES.many;
    }
  }

  /** Puts a place over one of the two of a word at which a frame no longer is. @returns whether there was one */
  #takePlace(word: number, frame: number, place: number): boolean {
    const both = this.#places[word] ?? 0;
    if (both === PLACES.many) return false;
    const [low, high] = [both & PLACES.mask, both >>> PLACES.bits];
    if (!this.#isAt(frame, low - 1)) this.#places[word] = (high << PLACES.bits) | place;
    else if (!this.#isAt(frame, high - 1)) this.#places[word] = (place << PLACES.bits) | low;
    else return false;
    return true;
  }

  /** Whether an entry of an index leads to a frame. */
  #isAt(frame: number, index: number): boolean {
    for (let kind = 0; kind < 3; kind++)
      if (this.#words[this.#entryAt(kind, index) + WORD.frame] === frame) return true;
    return false;
  }

  #forgetFrameIn(kind: number, frame: Mfn): void {
    const late = this.#places[2 * frame] ?? 0;
    const early = this.#places[2 * frame + 1] ?? 0;
    if (early === PLACES.many) {
      for (let index = 0; index < TLB_ENTRY_COUNT; index++) this.#forgetFrameAt(kind, index, frame);
      return;
    }
    for (let rest = late; rest !== 0; rest >>>= PLACES.bits)
      this.#forgetFrameAt(kind, (rest & PLACES.mask) - 1, frame);
    for (let rest = early; rest !== 0; rest >>>= PLACES.bits)
      this.#forgetFrameAt(kind, (rest & PLACES.mask) - 1, frame);
  }

  #forgetFrameAt(kind: number, index: number, frame: Mfn): void {
    const word = this.#entryAt(kind, index);
    if (this.#words[word + WORD.frame] === frame) this.#invalidateEntry(word);
  }

  /** Where an entry begins, as an index of words. */
  #entryAt(kind: number, index: number): number {
    return this.region.read / 4 + (kind * TLB_ENTRY_COUNT + index) * WORDS_PER_ENTRY;
  }

  #invalidateEntry(word: number): void {
    this.#words[word + WORD.tagLow] = 0xffff_ffff;
    this.#words[word + WORD.tagHigh] = 0xffff_ffff;
    this.#words[word + WORD.frame] = 0xffff_ffff;
  }
}
