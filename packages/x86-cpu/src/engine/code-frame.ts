import type { Instruction } from "../decoder/index.ts";
import type { Translation } from "../translator/translation.ts";
import type { Block } from "./block.ts";
import type { DecodedChunks } from "./decoded-chunks.ts";

/** Where a translation is entered: its function in the table, and the number of the entry. */
export interface EntryPoint {
  readonly slot: number;
  readonly entry: number;
}

/** What is kept by mode and offset in CS: both together would not fit an exact number in 64-bit code. */
class ByMode<Value> {
  readonly #modes = new Map<number, Map<number, Value>>();
  size = 0;

  get(mode: number, instructionPointer: number): Value | undefined {
    return this.#modes.get(mode)?.get(instructionPointer);
  }

  set(mode: number, instructionPointer: number, value: Value): void {
    let values = this.#modes.get(mode);
    if (values === undefined) {
      values = new Map();
      this.#modes.set(mode, values);
    }
    if (!values.has(instructionPointer)) this.size += 1;
    values.set(instructionPointer, value);
  }

  delete(mode: number, instructionPointer: number): void {
    if (this.#modes.get(mode)?.delete(instructionPointer)) this.size -= 1;
  }

  *values(): Generator<Value> {
    for (const values of this.#modes.values()) yield* values.values();
  }
}

/** What is known of the code in one frame. */
export class CodeFrame {
  readonly #frame: number;
  readonly #chunks: DecodedChunks;
  readonly #blocks = new ByMode<Block>();
  /** Blocks of other frames whose last instruction ends here. */
  readonly #guests = new Set<Block>();
  /** One bit per byte that some block was decoded from. May say yes for blocks that are gone. */
  readonly #decoded = new Uint8Array(512);
  /** Link fields that wait for a block. */
  readonly #waiting = new ByMode<number[]>();
  /** Translations of code in this frame, and where they may be entered. */
  readonly translations: Set<Translation> = new Set();
  readonly #entries = new ByMode<EntryPoint>();
  /** Blocks that jumps lead back to. */
  readonly #loops = new ByMode<true>();
  /** Instructions decoded not long ago, by offset in the page and size of code: blocks and regions are made of the same. */
  readonly instructions: Map<number, Instruction> = new Map();
  /** Blocks that indirect jumps were seen to reach, by the offset in CS of the jump. */
  readonly indirectTargets: Map<number, Set<Block>> = new Map();

  constructor(frame: number, chunks: DecodedChunks) {
    this.#frame = frame;
    this.#chunks = chunks;
  }

  get isEmpty(): boolean {
    return this.#blocks.size === 0 && this.#guests.size === 0 && this.translations.size === 0;
  }

  /** The translation that may be entered at an offset in CS. */
  entryPoint(mode: number, instructionPointer: number): EntryPoint | undefined {
    return this.#entries.get(mode, instructionPointer);
  }

  /** Lets a translation be entered. A newer one takes over entries that they have in common. */
  attach(translation: Translation): void {
    this.translations.add(translation);
    const { mode, entries, ranges, slot } = translation;
    entries.forEach((at, entry) => {
      this.#entries.set(mode, at, { slot, entry });
    });
    for (const { start, bytes } of ranges) this.mark(start, start + bytes.length);
  }

  /** Lets it not be entered any more. */
  detach(translation: Translation): void {
    if (!this.translations.delete(translation)) return;
    const { mode, entries, slot } = translation;
    for (const at of entries) if (this.#entries.get(mode, at)?.slot === slot) this.#entries.delete(mode, at);
  }

  /** Notes that a jump leads back to an offset in CS. */
  addLoop(mode: number, instructionPointer: number): void {
    this.#loops.set(mode, instructionPointer, true);
  }

  /** Whether a jump leads back there. */
  isLoop(mode: number, instructionPointer: number): boolean {
    return this.#loops.get(mode, instructionPointer) === true;
  }

  /** The block of a mode that begins at an offset in CS. */
  get(mode: number, instructionPointer: number): Block | undefined {
    return this.#blocks.get(mode, instructionPointer);
  }

  /** Adds a block that begins here and returns the link fields that waited for it. */
  add(block: Block): readonly number[] {
    const { mode, instructionPointer } = block;
    this.#blocks.set(mode, instructionPointer, block);
    this.mark(block.start, block.end);
    const waiting = this.#waiting.get(mode, instructionPointer) ?? [];
    this.#waiting.delete(mode, instructionPointer);
    return waiting;
  }

  /** Adds a block whose end lies here. */
  addGuest(block: Block): void {
    this.#guests.add(block);
    this.mark(0, block.secondBytes);
  }

  remove(block: Block): void {
    const { mode, instructionPointer } = block;
    if (this.#blocks.get(mode, instructionPointer) === block) this.#blocks.delete(mode, instructionPointer);
    this.#guests.delete(block);
    for (const targets of this.indirectTargets.values()) targets.delete(block);
  }

  /** Notes link fields that want to lead to a block that does not exist. */
  wait(mode: number, instructionPointer: number, fields: readonly number[]): void {
    const waiting = this.#waiting.get(mode, instructionPointer);
    if (waiting === undefined) this.#waiting.set(mode, instructionPointer, [...fields]);
    else waiting.push(...fields);
  }

  /** Whether a block may have been decoded from these bytes. */
  mayHold(offset: number, lengthBytes: number): boolean {
    const end = Math.min(offset + lengthBytes, 4096);
    for (let at = offset; at < end; at++) if (((this.#decoded[at >> 3] ?? 0) >> (at & 7)) & 1) return true;
    return false;
  }

  /** All blocks that begin here. */
  blocks(): Iterable<Block> {
    return this.#blocks.values();
  }

  /** All blocks that were decoded from this frame. */
  *all(): Generator<Block> {
    yield* this.#blocks.values();
    yield* this.#guests;
  }

  /** Notes bytes that something was decoded from. */
  mark(start: number, end: number): void {
    this.#chunks.mark(this.#frame, start, end);
    for (let at = start; at < end; at++)
      this.#decoded[at >> 3] = (this.#decoded[at >> 3] ?? 0) | (1 << (at & 7));
  }
}
