import { FRAME_WATCH, type MachineMemory, toMfn } from "@xenolith/machine-interface";
import { decode, type Instruction } from "../decoder/index.ts";
import { headerOf, RECORD, RECORD_BYTES } from "../interpreter/record.ts";
import { coversBytes, type Translation } from "../translator/translation.ts";
import type { TranslationStore } from "../translator/translation-store.ts";
import type { Block } from "./block.ts";
import { BlockDecoder, type DecodedBlock, type FetchSecondPage, type LinkRequest } from "./block-decoder.ts";
import { CodeFrame } from "./code-frame.ts";
import type { CodePlace } from "./code-place.ts";
import type { CodeStamps } from "./code-stamps.ts";
import type { CodeWidths } from "./code-width.ts";
import type { DecodedChunks } from "./decoded-chunks.ts";
import type { JumpCache } from "./jump-cache.ts";
import type { Mode } from "./mode.ts";
import type { RecordArena } from "./record-arena.ts";
import { RewrittenFrames } from "./rewritten-frames.ts";
import { WarmBlocks } from "./warm-blocks.ts";

const PAGE_BYTES = 4096;
/** A counter that never runs out in practice. */
const NEVER = 0x7fff_ffff;
/** How many times as often as a loop other code is interpreted: it gains less from being translated. */
const STRAIGHT_PATIENCE = 4;
/** Part of the usual patience that is left of a block when it becomes warm. */
const LEFT_WHEN_WARM = 1 / 2;
/** A block that was executed less often than this part of the patience with loops is not translated along with others. */
const SELDOM = 1 / 128;

/**
 * Blocks of records by frame, offset and mode. They are keyed by the frame and not by the address space, so that they survive
 * a change of page tables and are shared by all who map the frame at the same address. Frames that hold blocks are watched;
 * a store into decoded bytes kills exactly the blocks they belong to.
 */
export class CodeCache {
  /** Where in each frame code was decoded from. */
  readonly chunks: DecodedChunks;
  readonly #stamps: CodeStamps;
  /** Finds a translation for the code at a place that was made for another frame. */
  adopt: (place: CodePlace) => Translation | null = () => null;
  readonly #translateAfter: number;
  readonly #warm = new WarmBlocks();
  readonly #rewritten = new RewrittenFrames();
  readonly #machine: MachineMemory;
  readonly #arena: RecordArena;
  readonly #jumpCache: JumpCache;
  readonly #widths: CodeWidths;
  readonly #decoder: BlockDecoder;
  readonly #frames = new Map<number, CodeFrame>();
  #lastVersion = 0;
  /** Records of a block that was copied elsewhere, to be killed with it. */
  #copy: { readonly block: Block; readonly record: number; readonly count: number } | null = null;

  /**
   * @param translateAfter - how often a block is interpreted before it counts as hot
   */
  constructor(
    machine: MachineMemory,
    arena: RecordArena,
    widths: CodeWidths,
    jumpCache: JumpCache,
    translateAfter: number,
    { chunks, stamps }: { readonly chunks: DecodedChunks; readonly stamps: CodeStamps },
  ) {
    this.chunks = chunks;
    this.#stamps = stamps;
    this.#translateAfter = translateAfter;
    this.#machine = machine;
    this.#arena = arena;
    this.#widths = widths;
    this.#decoder = new BlockDecoder(machine, arena, widths);
    this.#jumpCache = jumpCache;
    machine.onWrite(FRAME_WATCH.code, (frame, offset, lengthBytes) =>
      this.invalidate(frame, offset, lengthBytes),
    );
  }

  /** Says at which linear addresses a run is to stop; null: nowhere. {@link flush} makes a change known. */
  get isStop(): ((linear: number) => boolean) | null {
    return this.#decoder.isStop;
  }

  set isStop(isStop: ((linear: number) => boolean) | null) {
    this.#decoder.isStop = isStop;
  }

  /** Whether the next block may not fit any more: {@link flush} first. */
  get isFull(): boolean {
    return !this.#arena.hasRoom(this.#decoder.maxRecords);
  }

  /** Forgets all code. Not while generated code is under way. */
  flush(): void {
    for (const frame of this.#frames.keys()) {
      this.chunks.clear(frame);
      this.#stamps.clear(frame);
      this.#machine.unwatch(toMfn(frame), FRAME_WATCH.code);
    }
    this.#frames.clear();
    this.#warm.clear();
    this.#rewritten.clear();
    this.#arena.clear();
    this.#widths.narrow.clear();
    this.#widths.wide.clear();
    this.#copy = null;
    this.#jumpCache.clear();
  }

  /**
   * The block at a place, decoded if need be. `fetchSecondPage` is asked when an instruction goes on beyond the page.
   * @returns the block, or a packed fault as a number.
   */
  resolve(place: CodePlace, fetchSecondPage: FetchSecondPage): Block | number {
    const codeFrame = this.#codeFrame(place.host >>> 12);
    const known = codeFrame.block(place.mode.number, place.instructionPointer);
    if (known !== null) {
      if (known.secondFrame < 0) return known;
      const second = fetchSecondPage(place.linear);
      if (second.fault !== 0) return second.fault;
      if (second.host >>> 12 === known.secondFrame) return known;
      this.#kill(known);
    }
    if (codeFrame.isCrowded) this.#clear(codeFrame, place.host >>> 12);
    const decoded = this.#decoder.decode(codeFrame, place, fetchSecondPage);
    if (typeof decoded === "number") {
      this.#dropIfEmpty(codeFrame, place.host >>> 12);
      return decoded;
    }
    this.#install(codeFrame, place, decoded);
    return decoded.block;
  }

  #install(codeFrame: CodeFrame, place: CodePlace, { block, links }: DecodedBlock): void {
    codeFrame.add(block);
    if (!this.isTranslated(block)) {
      const known = this.adopt(place);
      if (known !== null) {
        codeFrame.attachAt(known, block.instructionPointer);
        this.#rewritten.translated(block.frame);
      }
    }
    this.#startCounting(block);
    if (block.secondFrame >= 0) this.#addGuest(this.#codeFrame(block.secondFrame), codeFrame, block);
    for (const field of block.spot.links ?? []) this.#setLink(field, block.record);
    for (const link of links) this.#linkTo(codeFrame, place, link);
  }

  /** Notes that a block that begins in one frame ends in another, or in the same at its other end. */
  #addGuest(second: CodeFrame, first: CodeFrame, block: Block): void {
    if (second !== first && second.isCrowded) this.#clear(second, block.secondFrame);
    second.addGuest(block);
  }

  #codeFrame(frame: number): CodeFrame {
    let codeFrame = this.#frames.get(frame);
    if (codeFrame === undefined) {
      codeFrame = new CodeFrame(frame, this.#takeVersion(), this.chunks);
      this.#frames.set(frame, codeFrame);
      this.#stamps.renew(frame);
      this.#machine.watch(toMfn(frame), FRAME_WATCH.code);
    }
    return codeFrame;
  }

  /** Links lead only to the page they come from: there the mapping needs no check. */
  #linkTo(codeFrame: CodeFrame, place: CodePlace, { field, target, isLoop }: LinkRequest): void {
    const linear = target + place.mode.codeBase;
    if (Math.floor(linear / PAGE_BYTES) !== Math.floor(place.linear / PAGE_BYTES)) return;
    const spot = codeFrame.spotFor(place.mode.number, target);
    spot.addLink(field, (one) => this.#isStale(one, place.mode));
    const { block } = spot;
    if (isLoop && !spot.isLoop) {
      spot.isLoop = true;
      if (block !== null && this.#arena.counter(block.record) > 0) this.#startCounting(block);
    }
    if (block !== null) this.#setLink(field, block.record);
  }

  /** Whether a field lies in a record of a block that is gone. */
  #isStale(field: number, mode: Mode): boolean {
    const { handlers } = mode.codeBytes === 8 ? this.#widths.wide : this.#widths.narrow;
    return this.#arena.u16(field - (field % RECORD_BYTES), RECORD.handler) === handlers.special("stale");
  }

  #setLink(field: number, record: number): void {
    this.#machine.view.setUint32(field, record, true);
  }

  /** Puts a block into the jump cache. */
  remember(block: Block): void {
    this.#jumpCache.put(block);
  }

  /** The frame that a block was decoded from that a lookup of an offset in CS finds; null: it finds none. */
  frameOf(mode: number, instructionPointer: number): number | null {
    return this.#jumpCache.frameOf(mode, instructionPointer);
  }

  // Translations

  /** A block counts down to being warm and then to being hot; one that is translated is at the end of it. */
  #startCounting(block: Block): void {
    const usual = this.#translateAfter * (block.spot.isLoop ? 1 : STRAIGHT_PATIENCE);
    const isTranslated = this.isTranslated(block);
    block.patience = usual * this.#rewritten.patienceWith(block.frame);
    block.leftWhenWarm = isTranslated ? 0 : Math.floor(usual * LEFT_WHEN_WARM);
    this.#arena.setCounter(block.record, isTranslated ? 0 : block.patience - block.leftWhenWarm);
  }

  /** Whether a block can be entered as a translation. */
  isTranslated(block: Block): boolean {
    return block.spot.entry !== null;
  }

  /** The block at a place, if it is decoded. */
  #blockAt({ host, mode, instructionPointer }: CodePlace): Block | null {
    return this.#frames.get(host >>> 12)?.block(mode.number, instructionPointer) ?? null;
  }

  /** Whether a block has counted down to being hot and is not translated. One that has counted down to being warm counts on. */
  becomesHot(block: Block): boolean {
    if (this.#arena.counter(block.record) > 0 || this.isTranslated(block)) return false;
    if (block.leftWhenWarm === 0) return true;
    this.#arena.setCounter(block.record, block.leftWhenWarm);
    block.leftWhenWarm = 0;
    this.#warm.add(block);
    return false;
  }

  /** Forgets all translations and starts to count anew. */
  forgetTranslations(store: TranslationStore): void {
    this.#warm.clear();
    for (const codeFrame of this.#frames.values()) {
      for (const translation of codeFrame.translations) codeFrame.detach(translation);
      codeFrame.forEachBlock((block) => {
        this.#startCounting(block);
        this.#jumpCache.update(block);
      });
    }
    store.clear();
    this.#jumpCache.clear();
  }

  /** Leaves a block to the interpreter for good. */
  neverTranslate(block: Block): void {
    this.#arena.setCounter(block.record, NEVER);
    this.#warm.remove(block);
  }

  /** Notes that the indirect jump at `source` has led to a block of its own page. */
  reachedIndirectly(block: Block, source: number): void {
    if (Math.floor(source / PAGE_BYTES) !== Math.floor(block.instructionPointer / PAGE_BYTES)) return;
    const targets = this.#frames.get(block.frame)?.indirectTargets;
    const known = targets?.get(source);
    if (known === undefined) targets?.set(source, new Set([block]));
    else known.add(block);
  }

  /** Offsets in CS of the blocks of a frame that the indirect jump at `source` leads to. */
  indirectTargets(frame: number, mode: number, source: number): readonly number[] {
    const targets = this.#frames.get(frame)?.indirectTargets.get(source) ?? [];
    return [...targets].filter((block) => block.mode === mode).map((block) => block.instructionPointer);
  }

  /**
   * Whether code at an offset in CS has been executed more than a few times. Where all is translated at once, what was not may
   * come to be.
   */
  wasReached(frame: number, mode: number, instructionPointer: number): boolean {
    return this.#translateAfter <= 1 || this.#hasUsed(SELDOM, frame, mode, instructionPointer);
  }

  /** Whether a block is translated, or has used up half of the patience with loops. */
  isBusy(frame: number, mode: number, instructionPointer: number): boolean {
    return this.#hasUsed(1 / 2, frame, mode, instructionPointer);
  }

  /** Whether a block has used up a part of the patience with loops. One that is translated has used up all of its own. */
  #hasUsed(part: number, frame: number, mode: number, instructionPointer: number): boolean {
    const block = this.#frames.get(frame)?.block(mode, instructionPointer) ?? null;
    if (block === null) return false;
    const count = this.#arena.counter(block.record);
    return count >= NEVER || block.patience - block.leftWhenWarm - count >= this.#translateAfter * part;
  }

  /** Translations of a frame's code in a mode. */
  translationsOf(frame: number, mode: number): readonly Translation[] {
    const found: Translation[] = [];
    const codeFrame = this.#frames.get(frame);
    if (codeFrame !== undefined)
      for (const translation of codeFrame.translations)
        if (translation.mode === mode) found.push(translation);
    return found;
  }

  /** Takes blocks of a mode that are warm one by one, as long as they are wanted. See {@link WarmBlocks}. */
  takeWarm(mode: number, isWanted: () => boolean, visit: (block: Block) => void): void {
    this.#warm.take(mode, isWanted, visit);
  }

  /** Lets the code of a frame be entered as a translation. */
  attach(frame: number, translation: Translation): void {
    const codeFrame = this.#codeFrame(frame);
    codeFrame.attach(translation);
    this.#rewritten.translated(frame);
    for (const at of translation.entries) {
      const block = codeFrame.block(translation.mode, at);
      if (block === null) continue;
      block.leftWhenWarm = 0;
      this.#arena.setCounter(block.record, 0);
      this.#jumpCache.update(block);
    }
  }

  /** Takes a translation away from a frame: its code has changed, or a larger one takes its place. */
  detach(frame: number, translation: Translation): void {
    const codeFrame = this.#frames.get(frame);
    if (codeFrame === undefined) return;
    codeFrame.detach(translation);
    for (const at of translation.entries) {
      const block = codeFrame.block(translation.mode, at);
      if (block === null) continue;
      this.#jumpCache.update(block);
      this.#startCounting(block);
    }
  }

  /** A number that tells what was decoded of a frame from what it may hold at other times. */
  versionOf(frame: number): number {
    return this.#codeFrame(frame).version;
  }

  #takeVersion(): number {
    this.#lastVersion += 1;
    return this.#lastVersion;
  }

  /** The instruction at an offset in a frame; mnemonic "truncated" when it goes on beyond it. */
  instructionAt(frame: number, offset: number, { codeBytes }: Mode): Instruction {
    const codeFrame = this.#codeFrame(frame);
    const at = frame * PAGE_BYTES + offset;
    const instruction = decode(this.#machine.bytes, at, PAGE_BYTES - offset, codeBytes);
    codeFrame.mark(offset, Math.min(offset + instruction.lengthBytes, PAGE_BYTES));
    return instruction;
  }

  /** Kills the blocks decoded from bytes that have changed or are about to. */
  invalidate(frame: number, offset: number, lengthBytes: number): void {
    const codeFrame = this.#frames.get(frame);
    if (codeFrame === undefined) return;
    this.#stamps.renew(frame);
    // A frame that has lost its code stays watched until the next store: code that is patched again and again comes back.
    this.#dropIfEmpty(codeFrame, frame);
    if (!codeFrame.mayHold(offset, lengthBytes)) return;
    codeFrame.version = this.#takeVersion();
    for (const block of codeFrame.blocksOf(offset, lengthBytes)) this.#kill(block);
    for (const translation of codeFrame.translations)
      if (coversBytes(translation, offset, lengthBytes)) {
        this.#rewritten.rewritten(frame);
        this.detach(frame, translation);
      }
  }

  /**
   * Makes every way into a block lead to a lookup. Its records stay where they are, marked stale, because generated code may
   * be in the midst of them.
   */
  #kill(block: Block): void {
    if (!block.isAlive) return;
    block.isAlive = false;
    this.neverTranslate(block);
    const { handlers } = block.isWide ? this.#widths.wide : this.#widths.narrow;
    const stale = handlers.special("stale");
    this.#arena.setHandlers(block.record, block.recordCount, stale);
    if (this.#copy?.block === block) this.#arena.setHandlers(this.#copy.record, this.#copy.count, stale);
    this.#jumpCache.remove(block);
    for (const field of block.spot.links ?? []) this.#setLink(field, 0);
    this.#frames.get(block.frame)?.remove(block);
    if (block.secondFrame >= 0) this.#frames.get(block.secondFrame)?.removeGuest(block);
  }

  /** Forgets what is known of a frame's code. What was translated of it is found again by its content. */
  #clear(codeFrame: CodeFrame, frame: number): void {
    codeFrame.indirectTargets.clear();
    for (const block of codeFrame.blocksOf(0, PAGE_BYTES)) this.#kill(block);
    for (const translation of codeFrame.translations) this.detach(frame, translation);
    codeFrame.clearSpots();
  }

  #dropIfEmpty(codeFrame: CodeFrame, frame: number): void {
    if (!codeFrame.isEmpty) return;
    this.#frames.delete(frame);
    this.chunks.clear(frame);
    this.#stamps.clear(frame);
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
    this.#machine.bytes.copyWithin(headerOf(to), headerOf(record), record);
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
    const block = place === null ? null : this.#blockAt(place);
    this.#copy = block === null ? null : { block, record: to, count };
  }
}
