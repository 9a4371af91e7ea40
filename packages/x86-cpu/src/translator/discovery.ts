import type { Instruction } from "../decoder/index.ts";
import { directTarget, isConditionalBranch, isRepeated, isResumed } from "../engine/instruction-form.ts";
import type { Mode } from "../engine/mode.ts";
import type { Handler } from "../interpreter/handlers.ts";
import { isBareReturn } from "./distant-return.ts";
import type { EffectTable } from "./effects.ts";
import { offsetInPage, PAGE_BYTES } from "./page-offset.ts";
import { type BlockEnd, type PlacedInstruction, type RegionBlock, runsOn } from "./region-block.ts";

/** Longest block of a region, in instructions. */
const MAX_BLOCK_INSTRUCTIONS = 64;
/** An indirect call that leads to more functions than these takes none of them along: it is no callback. */
const MOST_CALLED = 2;

/** What a form is translated with, or null where it is left to the interpreter. */
export type HandlerLookup = (instruction: Instruction, mode: Mode) => Handler | null;

/** Bounds of one region. */
export interface RegionLimits {
  readonly blocks: number;
  readonly instructions: number;
}

/** What runs have shown of a page's code. Addresses are offsets in CS. */
export interface Trail {
  /** Blocks of the page that the indirect jump or call at an address was seen to lead to. */
  readonly targetsOf: (source: number) => readonly number[];
  /** Whether a block is to be followed to, unless it is a root. */
  readonly isWanted: (at: number) => boolean;
}

/** Blocks found from some roots, and which of them control may enter from outside. */
export interface Discovery {
  /** All in one page. */
  readonly blocks: readonly RegionBlock[];
  readonly entries: readonly number[];
}

/** How an instruction ends a block, or null when it does not. */
export const blockEndOf = (instruction: Instruction): BlockEnd | null => {
  const { mnemonic, operands } = instruction;
  if (isRepeated(instruction)) return "repeat";
  if (isConditionalBranch(mnemonic)) return "branch";
  const isDirect = operands[0]?.kind === "relative";
  if (mnemonic === "jmp") return isDirect ? "jump" : "jump-indirect";
  if (mnemonic === "call") return isDirect ? "call" : "call-indirect";
  return mnemonic === "ret" ? "return" : null;
};

/** Where the code of a page lies. */
export interface CodePage {
  readonly frame: number;
  /** Offset in CS. */
  readonly at: number;
  readonly mode: Mode;
}

/** What an explorer of a page works with. */
export interface DiscoveryEnvironment {
  /** Decodes the instruction at an offset in a frame, of which no more may be read; see `decode`. */
  readonly source: (frame: number, offset: number) => Instruction;
  readonly handlerOf: HandlerLookup;
  readonly effects: EffectTable;
  /** The frame that code at an offset in CS was last read from, if any is known. */
  readonly frameOf: (at: number) => number | null;
  /** Whether runs are to stop at an offset in CS: code there is left to the interpreter. */
  readonly isStop: (at: number) => boolean;
}

/** Whether a discovery has found a block at an offset in the page, and whether it may be entered there. */
const MARK = { block: 1, entry: 2 } as const;

/**
 * Finds the code of one page that can be reached directly from some addresses, call returns included. What was decoded once is not
 * decoded again: of no use when the page has changed.
 */
export class PageDiscovery {
  readonly page: CodePage;
  readonly #environment: DiscoveryEnvironment;
  /** By offset in the page, as the blocks. */
  readonly #decoded = new Map<number, PlacedInstruction | null>();
  readonly #blocks = new Map<number, RegionBlock>();
  /** {@link MARK}s of the discovery under way, by offset in the page. */
  readonly #marks = new Uint8Array(PAGE_BYTES);

  constructor(page: CodePage, environment: DiscoveryEnvironment) {
    this.page = page;
    this.#environment = environment;
  }

  /** How many instructions have been decoded. */
  get size(): number {
    return this.#decoded.size;
  }

  #isInPage(at: number): boolean {
    const start = this.page.at;
    return at >= start && at < start + PAGE_BYTES;
  }

  #isMarked(at: number, mark: number): boolean {
    return ((this.#marks[offsetInPage(at)] ?? 0) & mark) !== 0;
  }

  #mark(at: number, mark: number): void {
    const offset = offsetInPage(at);
    this.#marks[offset] = (this.#marks[offset] ?? 0) | mark;
  }

  /** The instruction at an offset in CS if it is whole in the page and can be translated. */
  #instructionAt(at: number): PlacedInstruction | null {
    const offset = at - this.page.at;
    const known = this.#decoded.get(offset);
    if (known !== undefined) return known;
    const placed = this.#read(this.page.frame, at);
    this.#decoded.set(offset, placed);
    return placed;
  }

  #read(frame: number, at: number): PlacedInstruction | null {
    const { source, handlerOf, effects, isStop } = this.#environment;
    if (isStop(at)) return null;
    const instruction = source(frame, offsetInPage(at));
    const handler = instruction.mnemonic === "truncated" ? null : handlerOf(instruction, this.page.mode);
    if (handler === null) return null;
    const next = at + instruction.lengthBytes;
    return { at, next, instruction, handler, effects: effects.effectsOf(handler) };
  }

  /** The near return without operands that a jump leads to in another page, as far as is known. */
  #returnAt(at: number): PlacedInstruction | null {
    const frame = this.#environment.frameOf(at);
    const placed = frame === null ? null : this.#read(frame, at);
    return placed !== null && isBareReturn(placed.instruction) ? placed : null;
  }

  /** The block that begins at an offset in CS, as if no other one began within. */
  #blockAt(at: number): RegionBlock {
    const offset = offsetInPage(at);
    let block = this.#blocks.get(offset);
    if (block === undefined) {
      block = this.#findBlock(at);
      this.#blocks.set(offset, block);
    }
    return block.end === "jump" && block.target !== null && !this.#isInPage(block.target)
      ? this.#withReturn(block, block.target)
      : block;
  }

  #findBlock(at: number): RegionBlock {
    const instructions: PlacedInstruction[] = [];
    let next = at;
    while (this.#isInPage(next) && instructions.length < MAX_BLOCK_INSTRUCTIONS) {
      const placed = this.#instructionAt(next);
      if (placed === null) break;
      instructions.push(placed);
      next = placed.next;
      const { endsBlock, isSystem } = placed.effects;
      if (!endsBlock) continue;
      const end = isSystem ? "system" : blockEndOf(placed.instruction);
      if (end !== null)
        return {
          at,
          instructions,
          end,
          next,
          target: directTarget(placed.instruction, placed.next, this.page.mode),
          distant: null,
        };
    }
    return { at, instructions, end: "fall", next, target: null, distant: null };
  }

  /** A block that jumps to another page, with what it leads to where that is a return now. */
  #withReturn(block: RegionBlock, target: number): RegionBlock {
    const behind = this.#returnAt(target);
    if (behind === null) return block;
    return { ...block, instructions: [...block.instructions, behind], end: "return", target: null };
  }

  /** Follows direct edges from `roots`, and what the trail knows of others. */
  discover(roots: readonly number[], { targetsOf, isWanted }: Trail, limits: RegionLimits): Discovery {
    const found: RegionBlock[] = [];
    const entries: number[] = [];
    let instructions = 0;
    const enter = (at: number): void => {
      if (this.#isMarked(at, MARK.entry)) return;
      this.#mark(at, MARK.entry);
      entries.push(at);
    };
    const reach = (at: number, isEntry: boolean): void => {
      if (!this.#isInPage(at)) return;
      if (!this.#isMarked(at, MARK.block)) {
        if (!this.#isMarked(at, MARK.entry) && !isWanted(at)) return;
        if (found.length >= limits.blocks || instructions >= limits.instructions) return;
        const block = this.#blockAt(at);
        if (block.instructions.length === 0) return;
        this.#mark(at, MARK.block);
        found.push(block);
        instructions += block.instructions.length;
      }
      if (isEntry) enter(at);
    };
    for (const root of roots) if (this.#isInPage(root)) enter(root);
    for (const root of roots) reach(root, true);
    for (const { end, target, next, instructions: own } of found) {
      if (runsOn(end)) reach(next, false);
      if (target !== null) reach(target, end === "call");
      if (end === "call" || end === "call-indirect") reach(next, true);
      const last = own[own.length - 1];
      if (last === undefined) continue;
      if (end === "system" && isResumed(last.instruction)) reach(next, true);
      if (end !== "jump-indirect" && end !== "call-indirect") continue;
      const targets = targetsOf(last.at);
      if (end === "call-indirect" && targets.length > MOST_CALLED) continue;
      for (const one of targets) reach(one, true);
    }
    const discovery = {
      blocks: found.map((block) => this.#cut(block)),
      entries: entries.filter((at) => this.#isMarked(at, MARK.block)),
    };
    for (const { at } of found) this.#marks[offsetInPage(at)] = 0;
    for (const at of entries) this.#marks[offsetInPage(at)] = 0;
    return discovery;
  }

  /** Ends a block where another one begins. */
  #cut(block: RegionBlock): RegionBlock {
    const { instructions, at } = block;
    const marks = this.#marks;
    const start = this.page.at;
    for (let position = 1; position < instructions.length; position++) {
      const next = instructions[position]?.at ?? 0;
      // The return that a block may end with lies in another page: no offset in this one.
      if (((marks[next - start] ?? 0) & MARK.block) !== 0) {
        return {
          at,
          instructions: instructions.slice(0, position),
          end: "fall",
          next,
          target: null,
          distant: null,
        };
      }
    }
    return block;
  }
}
