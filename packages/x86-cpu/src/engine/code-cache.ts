import { FRAME_WATCH, type MachineMemory, toMfn } from "@xenolith/machine-interface";
import { JUMP_CACHE_BYTES, JUMP_ENTRY, jumpEntryOffset } from "../interpreter/jump-cache.ts";
import { RECORD, RECORD_BYTES } from "../interpreter/record.ts";
import { type Block, overlaps } from "./block.ts";
import { BlockDecoder, type DecodedBlock, type FetchSecondPage } from "./block-decoder.ts";
import { CodeFrame } from "./code-frame.ts";
import type { CodePlace } from "./code-place.ts";
import type { CodeWidths } from "./code-width.ts";
import type { RecordArena } from "./record-arena.ts";

const EMPTY_MODE = 0xffff_ffff;

/**
 * Blocks of records by frame, offset and mode. They are keyed by the frame and not by the address space, so that they survive
 * a change of page tables and are shared by all who map the frame at the same address. Frames that hold blocks are watched;
 * a store into decoded bytes kills exactly the blocks they belong to.
 */
export class CodeCache {
  readonly jumpCache: number;
  readonly #machine: MachineMemory;
  readonly #arena: RecordArena;
  readonly #widths: CodeWidths;
  readonly #decoder: BlockDecoder;
  readonly #frames = new Map<number, CodeFrame>();
  /** Records of a block that was copied elsewhere, to be killed with it. */
  #copy: { readonly block: Block; readonly record: number; readonly count: number } | null = null;

  /** `jumpCache`: offset in memory of the table that interpreters look into. */
  constructor(machine: MachineMemory, arena: RecordArena, widths: CodeWidths, jumpCache: number) {
    this.#machine = machine;
    this.#arena = arena;
    this.#widths = widths;
    this.#decoder = new BlockDecoder(machine, arena, widths);
    this.jumpCache = jumpCache;
    this.#clearJumpCache();
    machine.onWrite(FRAME_WATCH.code, (frame, offset, lengthBytes) =>
      this.invalidate(frame, offset, lengthBytes),
    );
  }

  /** Whether the next block may not fit any more: {@link flush} first. */
  get isFull(): boolean {
    return !this.#arena.hasRoom(this.#decoder.maxRecords);
  }

  /** Forgets all code. Not while generated code is under way. */
  flush(): void {
    for (const frame of this.#frames.keys()) this.#machine.unwatch(toMfn(frame), FRAME_WATCH.code);
    this.#frames.clear();
    this.#arena.clear();
    this.#widths.narrow.builder.clear();
    this.#widths.wide.builder.clear();
    this.#copy = null;
    this.#clearJumpCache();
  }

  #clearJumpCache(): void {
    this.#machine.words.fill(0xffff_ffff, this.jumpCache >>> 2, (this.jumpCache + JUMP_CACHE_BYTES) >>> 2);
  }

  /**
   * The block at a place, decoded if need be. `fetchSecondPage` is asked when an instruction goes on beyond the page.
   * @returns the block, or a packed fault as a number.
   */
  resolve(place: CodePlace, fetchSecondPage: FetchSecondPage): Block | number {
    const frame = place.host >>> 12;
    const known = this.#frames.get(frame)?.get(place.mode.number, place.instructionPointer);
    if (known !== undefined) {
      if (known.secondFrame < 0) return known;
      const second = fetchSecondPage();
      if (second.fault !== 0) return second.fault;
      if (second.host >>> 12 === known.secondFrame) return known;
      this.#kill(known);
    }
    const decoded = this.#decoder.decode(place, fetchSecondPage);
    if (typeof decoded === "number") return decoded;
    return this.#install(place, decoded);
  }

  #install(place: CodePlace, decoded: DecodedBlock): Block {
    const { block, links } = decoded;
    const codeFrame = this.#codeFrame(block.frame);
    const waiting = codeFrame.add(block);
    if (block.secondFrame >= 0) this.#codeFrame(block.secondFrame).addGuest(block);
    this.#link(block, waiting);
    for (const { field, target } of links) this.#linkTo(codeFrame, place, field, target);
    return block;
  }

  #codeFrame(frame: number): CodeFrame {
    let codeFrame = this.#frames.get(frame);
    if (codeFrame === undefined) {
      codeFrame = new CodeFrame();
      this.#frames.set(frame, codeFrame);
      this.#machine.watch(toMfn(frame), FRAME_WATCH.code);
    }
    return codeFrame;
  }

  /** Links lead only to the page they come from: there the mapping needs no check. */
  #linkTo(codeFrame: CodeFrame, place: CodePlace, field: number, target: number): void {
    const linear = target + place.mode.codeBase;
    if (Math.floor(linear / 4096) !== Math.floor(place.linear / 4096)) return;
    const block = codeFrame.get(place.mode.number, target);
    if (block === undefined) codeFrame.wait(place.mode.number, target, [field]);
    else this.#link(block, [field]);
  }

  #link(block: Block, fields: readonly number[]): void {
    for (const field of fields) {
      this.#machine.view.setUint32(field, block.record, true);
      block.incoming.push(field);
    }
  }

  /** Puts a block into the jump cache. */
  remember(block: Block): void {
    const { view } = this.#machine;
    const at = this.jumpCache + jumpEntryOffset(block.instructionPointer);
    view.setUint32(at + JUMP_ENTRY.instructionPointer, block.instructionPointer >>> 0, true);
    view.setInt32(
      at + JUMP_ENTRY.instructionPointer + 4,
      Math.floor(block.instructionPointer / 0x1_0000_0000),
      true,
    );
    view.setUint32(at + JUMP_ENTRY.mode, block.mode, true);
    view.setUint32(at + JUMP_ENTRY.frame, block.frame, true);
    view.setUint32(at + JUMP_ENTRY.record, block.record, true);
  }

  /** Kills the blocks decoded from bytes that have changed or are about to. */
  invalidate(frame: number, offset: number, lengthBytes: number): void {
    const codeFrame = this.#frames.get(frame);
    if (codeFrame === undefined || !codeFrame.mayHold(offset, lengthBytes)) return;
    for (const block of [...codeFrame.all()])
      if (overlaps(block, frame, offset, lengthBytes)) this.#kill(block);
  }

  /**
   * Makes every way into a block lead to a lookup. Its records stay where they are, marked stale, because generated code may
   * be in the midst of them.
   */
  #kill(block: Block): void {
    const { handlers } = block.isWide ? this.#widths.wide : this.#widths.narrow;
    const stale = handlers.special("stale");
    this.#arena.setHandlers(block.record, block.recordCount, stale);
    if (this.#copy?.block === block) this.#arena.setHandlers(this.#copy.record, this.#copy.count, stale);
    const { view } = this.#machine;
    const entry = this.jumpCache + jumpEntryOffset(block.instructionPointer);
    if (view.getUint32(entry + JUMP_ENTRY.record, true) === block.record) {
      view.setUint32(entry + JUMP_ENTRY.mode, EMPTY_MODE, true);
    }
    for (const field of block.incoming) view.setUint32(field, 0, true);
    this.#forget(block, block.frame);
    if (block.secondFrame >= 0) this.#forget(block, block.secondFrame);
    this.#frames.get(block.frame)?.wait(block.mode, block.instructionPointer, block.incoming);
  }

  #forget(block: Block, frame: number): void {
    const codeFrame = this.#frames.get(frame);
    if (codeFrame === undefined) return;
    codeFrame.remove(block);
    if (!codeFrame.isEmpty) return;
    this.#frames.delete(frame);
    this.#machine.unwatch(toMfn(frame), FRAME_WATCH.code);
  }

  /**
   * Copies the first `instructions` instructions of a block's records to `to` and ends them with a stop, so that exactly so
   * many retire. The block must have more. `place` is where it lies, if that is still known.
   */
  copyStart(
    place: CodePlace | null,
    record: number,
    instructions: number,
    to: number,
    stopHandler: number,
  ): void {
    const arena = this.#arena;
    const total = arena.u16(record, RECORD.remaining);
    let count = 0;
    for (;;) {
      const from = record + count * RECORD_BYTES;
      const done = total - arena.u16(from, RECORD.remaining);
      const target = to + count * RECORD_BYTES;
      this.#machine.bytes.copyWithin(target, from, from + RECORD_BYTES);
      arena.setU16(target, RECORD.remaining, instructions - done);
      if (done === instructions) {
        arena.setU16(target, RECORD.handler, stopHandler);
        break;
      }
      count += 1;
    }
    const block =
      place === null
        ? undefined
        : this.#frames.get(place.host >>> 12)?.get(place.mode.number, place.instructionPointer);
    this.#copy = block === undefined ? null : { block, record: to, count };
  }
}
