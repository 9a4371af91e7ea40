import type { Block } from "./block.ts";

/** Name of a block within its frame: mode and offset in CS. Exact for modes below 2^20 and 32-bit offsets. */
export type BlockKey = number;

export const blockKey = (mode: number, instructionPointer: number): BlockKey =>
  mode * 0x1_0000_0000 + (instructionPointer >>> 0);

/** What is known of the code in one frame. */
export class CodeFrame {
  readonly #blocks = new Map<BlockKey, Block>();
  /** Blocks of other frames whose last instruction ends here. */
  readonly #guests = new Set<Block>();
  /** One bit per byte that some block was decoded from. May say yes for blocks that are gone. */
  readonly #decoded = new Uint8Array(512);
  /** Link fields that wait for a block. */
  readonly #waiting = new Map<BlockKey, number[]>();

  get isEmpty(): boolean {
    return this.#blocks.size === 0 && this.#guests.size === 0;
  }

  get(key: BlockKey): Block | undefined {
    return this.#blocks.get(key);
  }

  /** Adds a block that begins here and returns the link fields that waited for it. */
  add(key: BlockKey, block: Block): readonly number[] {
    this.#blocks.set(key, block);
    this.#mark(block.start, block.end);
    const waiting = this.#waiting.get(key) ?? [];
    this.#waiting.delete(key);
    return waiting;
  }

  /** Adds a block whose end lies here. */
  addGuest(block: Block): void {
    this.#guests.add(block);
    this.#mark(0, block.secondBytes);
  }

  remove(block: Block): void {
    const key = blockKey(block.mode, block.instructionPointer);
    if (this.#blocks.get(key) === block) this.#blocks.delete(key);
    this.#guests.delete(block);
  }

  /** Notes link fields that want to lead to a block that does not exist. */
  wait(key: BlockKey, fields: readonly number[]): void {
    const waiting = this.#waiting.get(key);
    if (waiting === undefined) this.#waiting.set(key, [...fields]);
    else waiting.push(...fields);
  }

  /** Whether a block may have been decoded from these bytes. */
  mayHold(offset: number, lengthBytes: number): boolean {
    const end = Math.min(offset + lengthBytes, 4096);
    for (let at = offset; at < end; at++) if (((this.#decoded[at >> 3] ?? 0) >> (at & 7)) & 1) return true;
    return false;
  }

  /** All blocks that were decoded from this frame. */
  *all(): Generator<Block> {
    yield* this.#blocks.values();
    yield* this.#guests;
  }

  #mark(start: number, end: number): void {
    for (let at = start; at < end; at++)
      this.#decoded[at >> 3] = (this.#decoded[at >> 3] ?? 0) | (1 << (at & 7));
  }
}
