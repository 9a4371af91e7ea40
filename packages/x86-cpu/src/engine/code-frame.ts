import type { Translation } from "../translator/translation.ts";
import { type Block, CodeSpot, overlaps } from "./block.ts";
import type { DecodedChunks } from "./decoded-chunks.ts";

const PAGE_BYTES = 4096;
/** With more spots and guests a frame is {@link CodeFrame.isCrowded}. Dense code has some hundred at each address at which it is mapped. */
const MOST_SPOTS = 2048;

/** An offset in CS as a key of 32 bits, which is found sooner than a larger number: all its bits count. */
const keyOf = (instructionPointer: number): number =>
  instructionPointer ^ Math.floor(instructionPointer / 0x1_0000_0000);

/** What is known of the code in one frame. */
export class CodeFrame {
  /** Tells what was decoded of the frame from what it holds at other times: another one when that has changed. */
  version: number;
  readonly #frame: number;
  readonly #chunks: DecodedChunks;
  /** Spots by the key of their offset in CS: mode and offset together would not fit an exact number in 64-bit code. */
  readonly #spots = new Map<number, CodeSpot>();
  #spotCount = 0;
  #blockCount = 0;
  /** Blocks of other frames whose last instruction ends here. */
  readonly #guests = new Set<Block>();
  /** One bit per byte that some block was decoded from. May say yes for blocks that are gone. */
  readonly #decoded = new Uint8Array(PAGE_BYTES / 8);
  /** Translations of code in this frame. */
  readonly translations: Set<Translation> = new Set();
  /** Blocks that indirect jumps were seen to reach, by the offset in CS of the jump. */
  readonly indirectTargets: Map<number, Set<Block>> = new Map();

  constructor(frame: number, version: number, chunks: DecodedChunks) {
    this.version = version;
    this.#frame = frame;
    this.#chunks = chunks;
  }

  get isEmpty(): boolean {
    return this.#blockCount === 0 && this.#guests.size === 0 && this.translations.size === 0;
  }

  /**
   * Whether so much is known of the frame that it is better forgotten: each store to its code looks through all of it, and one frame
   * can be executed at any number of addresses.
   */
  get isCrowded(): boolean {
    return this.#spotCount + this.#guests.size > MOST_SPOTS;
  }

  /** Forgets all spots. There must be no blocks and no translations any more. */
  clearSpots(): void {
    this.#spots.clear();
    this.#spotCount = 0;
  }

  /** What is known of an offset in CS in a mode, if anything is. */
  spot(mode: number, instructionPointer: number): CodeSpot | null {
    let spot = this.#spots.get(keyOf(instructionPointer)) ?? null;
    while (spot !== null && (spot.mode !== mode || spot.instructionPointer !== instructionPointer)) {
      spot = spot.next;
    }
    return spot;
  }

  /** The same, where something is about to be known. */
  spotFor(mode: number, instructionPointer: number): CodeSpot {
    const known = this.spot(mode, instructionPointer);
    if (known !== null) return known;
    const key = keyOf(instructionPointer);
    const spot = new CodeSpot(mode, instructionPointer, this.#spots.get(key) ?? null);
    this.#spots.set(key, spot);
    this.#spotCount += 1;
    return spot;
  }

  /** The block of a mode that begins at an offset in CS. */
  block(mode: number, instructionPointer: number): Block | null {
    return this.spot(mode, instructionPointer)?.block ?? null;
  }

  /** Lets a translation be entered. A newer one takes over entries that they have in common. */
  attach(translation: Translation): void {
    for (const at of translation.entries) this.attachAt(translation, at);
  }

  /** Lets it be entered at one of its entries, an offset in CS. */
  attachAt(translation: Translation, at: number): void {
    const { mode, entries, ranges, slot } = translation;
    this.spotFor(mode, at).entry = { slot, entry: entries.indexOf(at) };
    if (this.translations.has(translation)) return;
    this.translations.add(translation);
    for (const { start, bytes } of ranges) this.mark(start, start + bytes.length);
  }

  /** Lets it not be entered any more. */
  detach(translation: Translation): void {
    if (!this.translations.delete(translation)) return;
    const { mode, entries, slot } = translation;
    for (const at of entries) {
      const spot = this.spot(mode, at);
      if (spot?.entry?.slot === slot) spot.entry = null;
    }
  }

  /** Adds a block that begins here. */
  add(block: Block): void {
    block.spot.block = block;
    this.#blockCount += 1;
    this.mark(block.start, block.end);
  }

  /** Adds a block whose end lies here. */
  addGuest(block: Block): void {
    this.#guests.add(block);
    this.mark(0, block.secondBytes);
  }

  /** Takes away a block that begins here. */
  remove(block: Block): void {
    block.spot.block = null;
    this.#blockCount -= 1;
    for (const targets of this.indirectTargets.values()) targets.delete(block);
  }

  /** Takes away a block whose end lies here. */
  removeGuest(block: Block): void {
    this.#guests.delete(block);
  }

  /** Whether a block may have been decoded from these bytes. */
  mayHold(offset: number, lengthBytes: number): boolean {
    const end = Math.min(offset + lengthBytes, PAGE_BYTES);
    for (let at = offset; at < end; at++) if (((this.#decoded[at >> 3] ?? 0) >> (at & 7)) & 1) return true;
    return false;
  }

  /** Calls a function with each block that begins here. It may remove it. */
  forEachBlock(visit: (block: Block) => void): void {
    for (let spot of this.#spots.values()) {
      for (;;) {
        if (spot.block !== null) visit(spot.block);
        if (spot.next === null) break;
        spot = spot.next;
      }
    }
  }

  /** Blocks that were decoded from any of these bytes. */
  blocksOf(offset: number, lengthBytes: number): readonly Block[] {
    const found: Block[] = [];
    const look = (block: Block): void => {
      if (overlaps(block, this.#frame, offset, lengthBytes)) found.push(block);
    };
    this.forEachBlock(look);
    this.#guests.forEach(look);
    return found;
  }

  /** Notes bytes that something was decoded from. */
  mark(start: number, end: number): void {
    this.#chunks.mark(this.#frame, start, end);
    const decoded = this.#decoded;
    for (let at = start; at < end; at++) decoded[at >> 3] = (decoded[at >> 3] ?? 0) | (1 << (at & 7));
  }
}
