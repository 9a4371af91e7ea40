import type { Instruction } from "../decoder/index.ts";
import type { CodePlace } from "../engine/code-place.ts";
import { isConditionalBranch, isRepeated, isResumed } from "../engine/instruction-form.ts";
import type { Mode } from "../engine/mode.ts";
import type { InstructionSource } from "../engine/recent-instructions.ts";
import type { Handler } from "../interpreter/handlers.ts";
import { isBareReturn } from "./distant-return.ts";
import type { EffectTable } from "./effects.ts";
import { type BlockEnd, type PlacedInstruction, type RegionBlock, runsOn } from "./region-block.ts";

const PAGE_BYTES = 4096;
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

/** What an explorer of a page works with. */
export interface DiscoveryEnvironment {
  readonly handlerOf: HandlerLookup;
  readonly effects: EffectTable;
  /** The frame that code at an offset in CS was last read from, if any is known. */
  readonly frameOf: (at: number) => number | null;
  /** Where runs are to stop: code there is left to the interpreter. */
  readonly isStop: ((linear: number) => boolean) | null;
}

/** Finds the code of one page that can be reached directly from some addresses, call returns included. */
export class PageDiscovery {
  readonly #source: InstructionSource;
  readonly #place: CodePlace;
  readonly #decoded = new Map<number, PlacedInstruction | null>();
  readonly #blocks = new Map<number, RegionBlock>();
  /** A mark for each offset in the page at which a block of the discovery under way begins. */
  readonly #starts = new Uint8Array(PAGE_BYTES);
  readonly #pageStart: number;
  readonly #frame: number;

  readonly #environment: DiscoveryEnvironment;

  /** @param place - any place in the page */
  constructor(source: InstructionSource, place: CodePlace, environment: DiscoveryEnvironment) {
    this.#source = source;
    this.#place = place;
    this.#environment = environment;
    this.#frame = place.host >>> 12;
    this.#pageStart = place.instructionPointer - (place.host & (PAGE_BYTES - 1));
  }

  #isInPage(at: number): boolean {
    return at >= this.#pageStart && at < this.#pageStart + PAGE_BYTES;
  }

  /** The instruction at an offset in CS if it is whole in the page and can be translated. */
  #instructionAt(at: number): PlacedInstruction | null {
    const known = this.#decoded.get(at);
    if (known !== undefined) return known;
    const placed = this.#read(this.#frame, at);
    this.#decoded.set(at, placed);
    return placed;
  }

  #read(frame: number, at: number): PlacedInstruction | null {
    const { handlerOf, effects, isStop } = this.#environment;
    if (isStop?.(at) === true) return null;
    const { mode } = this.#place;
    const instruction = this.#source(frame, at & (PAGE_BYTES - 1), mode);
    const handler = instruction.mnemonic === "truncated" ? null : handlerOf(instruction, mode);
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

  #targetOf({ instruction, next }: PlacedInstruction): number | null {
    const operand = instruction.operands[0];
    if (operand?.kind !== "relative") return null;
    const target = next + operand.distance;
    if (this.#place.mode.codeBytes === 8) return target;
    return (target & (instruction.operandBytes === 2 ? 0xffff : 0xffff_ffff)) >>> 0;
  }

  /** The block that begins at an offset in CS, as if no other one began within. */
  #blockAt(at: number): RegionBlock {
    let block = this.#blocks.get(at);
    if (block === undefined) {
      block = this.#findBlock(at);
      this.#blocks.set(at, block);
    }
    return block;
  }

  #findBlock(at: number): RegionBlock {
    const instructions: PlacedInstruction[] = [];
    let next = at;
    while (this.#isInPage(next) && instructions.length < MAX_BLOCK_INSTRUCTIONS) {
      const placed = this.#instructionAt(next);
      if (placed === null) break;
      instructions.push(placed);
      next = placed.next;
      const end = placed.effects.isSystem ? "system" : blockEndOf(placed.instruction);
      if (end === null) continue;
      const target = this.#targetOf(placed);
      const behind =
        end === "jump" && target !== null && !this.#isInPage(target) ? this.#returnAt(target) : null;
      if (behind === null) return { at, instructions, end, next, target, distant: null };
      instructions.push(behind);
      return { at, instructions, end: "return", next, target: null, distant: null };
    }
    return { at, instructions, end: "fall", next, target: null, distant: null };
  }

  /** Follows direct edges from `roots`, and what the trail knows of others. */
  discover(roots: readonly number[], { targetsOf, isWanted }: Trail, limits: RegionLimits): Discovery {
    const blocks = new Map<number, RegionBlock>();
    const entries = new Set(roots);
    const queue: number[] = [];
    let instructions = 0;
    const reach = (at: number, isEntry: boolean): void => {
      if (!this.#isInPage(at)) return;
      if (!blocks.has(at)) {
        if (!entries.has(at) && !isWanted(at)) return;
        if (blocks.size >= limits.blocks || instructions >= limits.instructions) return;
        const block = this.#blockAt(at);
        if (block.instructions.length === 0) return;
        blocks.set(at, block);
        instructions += block.instructions.length;
        queue.push(at);
      }
      if (isEntry) entries.add(at);
    };
    for (const root of roots) reach(root, true);
    for (const at of queue) {
      const block = blocks.get(at);
      if (block === undefined) continue;
      const { end, target, next } = block;
      if (runsOn(end)) reach(next, false);
      if (target !== null) reach(target, end === "call");
      if (end === "call" || end === "call-indirect") reach(next, true);
      const last = block.instructions.at(-1);
      if (last !== undefined && end === "system" && isResumed(last.instruction)) reach(next, true);
      if (last === undefined || (end !== "jump-indirect" && end !== "call-indirect")) continue;
      const targets = targetsOf(last.at);
      if (end === "call-indirect" && targets.length > MOST_CALLED) continue;
      for (const one of targets) reach(one, true);
    }
    for (const at of queue) this.#starts[at & (PAGE_BYTES - 1)] = 1;
    const cut = [...blocks.values()].map((block) => this.#cut(block));
    for (const at of queue) this.#starts[at & (PAGE_BYTES - 1)] = 0;
    return { blocks: cut, entries: [...entries].filter((at) => blocks.has(at)) };
  }

  /** Ends a block where another one begins. */
  #cut(block: RegionBlock): RegionBlock {
    const { instructions, at } = block;
    for (let position = 1; position < instructions.length; position++) {
      const next = instructions[position]?.at ?? 0;
      if (this.#isInPage(next) && this.#starts[next & (PAGE_BYTES - 1)] === 1) {
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
