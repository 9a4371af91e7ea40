import { REGISTER } from "@xenolith/x86-architecture";
import { CONDITIONS } from "../decoder/opcode-table.ts";
import { type FlowNode, isDistantBeginning } from "./flow-graph.ts";
import type { RegionBlock } from "./region-block.ts";
import { type Compared, type Sum, TurnSums } from "./turn-sums.ts";

/** What a conditional jump asks in a turn: how two sums, as numbers of so many bytes, compare. */
interface Question {
  readonly left: Sum;
  readonly right: Sum;
  readonly sizeBytes: number;
  readonly comparison: "eq" | "ltU" | "leU" | "ltS" | "leS";
  /** How the comparison has to come out for the turn to go on. */
  readonly holds: boolean;
}

/** A question of which it is known how its answer may change from turn to turn. */
export interface TurnCondition extends Question {
  /** What is added from turn to turn to the left side while the right one stays, or for `eq` to their difference. */
  readonly step: number;
}

/** What a turn does to a register. */
export interface TurnChange {
  readonly register: number;
  /** What it holds behind the turn. Where that is of another register, the turn leaves that one as it is. */
  readonly sum: Sum;
}

/** A way around a loop that only counts: any number of turns can be done at once, as long as all conditions hold. */
export interface CountedTurn {
  readonly instructions: number;
  readonly changes: readonly TurnChange[];
  readonly conditions: readonly TurnCondition[];
}

/** A loop of one block is a delay, by which guests measure how fast they are: it is to take its time. */
const LEAST_BLOCKS = 2;
/** Longer ways around are not looked for. */
const MOST_BLOCKS = 8;
/** With longer steps there are few turns. */
const LONGEST_STEP = 2 ** 16;
const REGISTERS = 16;

/** Even conditions by encoding: the odd ones are their opposites. */
const COMPARISONS: readonly (Question["comparison"] | null)[] = [
  null,
  "ltU",
  "eq",
  "leU",
  null,
  null,
  "ltS",
  "leS",
];
const SIGN_CONDITION = 4;
const ENCODINGS: ReadonlyMap<string, number> = new Map(
  CONDITIONS.map((name, encoding) => [`j${name}`, encoding]),
);
const NOT_ZERO = CONDITIONS.indexOf("ne");

const isZero = ({ register, plus }: Sum): boolean => register < 0 && plus === 0;

/** What a conditional jump asks that is taken, or is not; null: nothing that could be counted on. */
const asked = (
  encoding: number,
  isTaken: boolean,
  { left, right, sizeBytes, isResult }: Compared,
): Question | null => {
  const even = encoding >> 1;
  const asksSign = even === SIGN_CONDITION && isZero(right);
  const comparison = asksSign ? "ltS" : (COMPARISONS[even] ?? null);
  if (comparison === null || (isResult && comparison !== "eq" && !asksSign)) return null;
  return { left, right, sizeBytes, comparison, holds: isTaken === ((encoding & 1) === 0) };
};

/** Exchanges the sides of a comparison for order. */
const exchanged = (question: Question): Question => {
  const { left, right, comparison, holds } = question;
  const isUnsigned = comparison === "ltU" || comparison === "leU";
  const isLess = comparison === "ltU" || comparison === "ltS";
  const other = isUnsigned ? (isLess ? "leU" : "ltU") : isLess ? "leS" : "ltS";
  return { ...question, left: right, right: left, comparison: other, holds: !holds };
};

/** What all turns of one way around have in common. */
class WayAround {
  readonly #sums: TurnSums;
  readonly #wordBytes: number;

  constructor(sums: TurnSums, wordBytes: number) {
    this.#sums = sums;
    this.#wordBytes = wordBytes;
  }

  /** What a register gains in a turn; null: it is set to something else. */
  #stepOf(register: number): Sum | null {
    const sum = this.#sums.of(register);
    return sum?.register === register ? sum : null;
  }

  #isKept(register: number): boolean {
    const step = this.#stepOf(register);
    return step !== null && step.plus === 0 && !step.isNarrow;
  }

  /** Changes of registers; null: one holds what cannot be told. */
  changes(): readonly TurnChange[] | null {
    const changes: TurnChange[] = [];
    for (let register = 0; register < REGISTERS; register++) {
      const sum = this.#sums.of(register);
      if (sum === null) return null;
      if (this.#isKept(register)) continue;
      if (sum.register >= 0 && sum.register !== register && !this.#isKept(sum.register)) return null;
      changes.push({ register, sum });
    }
    return changes;
  }

  /** What is added to a sum from turn to turn, as a number of so many bytes; null: that is not always the same. */
  #gain({ register, isNarrow }: Sum, sizeBytes: number): number | null {
    if (register < 0) return 0;
    const step = this.#stepOf(register);
    if (step === null) return null;
    if (sizeBytes < this.#wordBytes) return step.plus;
    return isNarrow || step.isNarrow ? null : step.plus;
  }

  /** A question with what is added from turn to turn; null: how long it is answered alike cannot be told. */
  counted(question: Question): TurnCondition | null {
    const { left, right, sizeBytes, comparison, holds } = question;
    const ofLeft = this.#gain(left, sizeBytes);
    const ofRight = this.#gain(right, sizeBytes);
    if (ofLeft === null || ofRight === null) return null;
    const step = ofLeft - ofRight;
    if (Math.abs(step) > LONGEST_STEP) return null;
    if (comparison === "eq") {
      return step !== 0 && holds ? null : { ...question, step };
    }
    if (ofRight === 0) return { ...question, step };
    return ofLeft === 0 ? { ...exchanged(question), step: ofRight } : null;
  }
}

/** Looks for the way around a loop that only counts. */
class Search {
  readonly #nodes: readonly FlowNode[];
  readonly #header: number;
  readonly #wordBytes: number;
  readonly #needsFlags: boolean;
  readonly #way: number[] = [];
  readonly #questions: Question[] = [];
  /** Whether the block in which turns begin leaves all flags, or CF, as they are. */
  #beginKeepsFlags = false;
  #beginKeepsCarry = false;

  constructor(nodes: readonly FlowNode[], header: number, wordBytes: number, needsFlags: boolean) {
    this.#nodes = nodes;
    this.#header = header;
    this.#wordBytes = wordBytes;
    this.#needsFlags = needsFlags;
  }

  /** The rest of a way that has come to a node. */
  from(index: number, sums: TurnSums): CountedTurn | null {
    if (index === this.#header && this.#way.length > 0) return this.#close(sums);
    const node = this.#nodes[index];
    if (node?.block == null || isDistantBeginning(node)) return null;
    if (this.#way.length === MOST_BLOCKS || this.#way.includes(index)) return null;
    this.#way.push(index);
    const found = this.#through(node, node.block, sums);
    this.#way.pop();
    return found;
  }

  #through(node: FlowNode, block: RegionBlock, sums: TurnSums): CountedTurn | null {
    const { instructions, end } = block;
    const isJump = end === "jump" || end === "branch";
    if (!isJump && end !== "fall") return null;
    for (let at = 0; at < instructions.length - (isJump ? 1 : 0); at++) {
      const placed = instructions[at];
      if (placed === undefined || !sums.follow(placed.instruction)) return null;
    }
    if (this.#way.length === 1) {
      this.#beginKeepsFlags = sums.keepsFlags;
      this.#beginKeepsCarry = sums.keepsCarry;
    }
    if (end === "branch") return this.#branch(node, block, sums);
    // A jump with more behind it leads to a return in another page.
    if (isJump && instructions.at(-1)?.instruction.mnemonic !== "jmp") return null;
    return this.#edge(node, isJump ? node.taken : node.fall, sums);
  }

  #edge(node: FlowNode, target: number, sums: TurnSums): CountedTurn | null {
    return target < 0 || node.viaDispatcher.has(target) ? null : this.from(target, sums);
  }

  #branch(node: FlowNode, { instructions }: RegionBlock, sums: TurnSums): CountedTurn | null {
    const instruction = instructions.at(-1)?.instruction;
    if (instruction === undefined) return null;
    const isLoop = instruction.mnemonic === "loop" && instruction.addressBytes === this.#wordBytes;
    const encoding = isLoop ? NOT_ZERO : ENCODINGS.get(instruction.mnemonic);
    const compared = isLoop ? sums.countDown(REGISTER.rcx) : sums.compared;
    if (encoding === undefined || compared === null) return null;
    for (const isTaken of [true, false]) {
      const question = asked(encoding, isTaken, compared);
      if (question === null) return null;
      this.#questions.push(question);
      const found = this.#edge(node, isTaken ? node.taken : node.fall, sums.copy());
      if (found !== null) return found;
      this.#questions.pop();
    }
    return null;
  }

  /**
   * Whether flags of an earlier turn do as well where the next one begins: no turn changes them, or they are set anew by the block
   * there before anything can look at them.
   */
  #flagsMayBeOld(sums: TurnSums): boolean {
    return !this.#beginKeepsCarry || sums.keepsFlags || (sums.keepsCarry && !this.#beginKeepsFlags);
  }

  #close(sums: TurnSums): CountedTurn | null {
    if (this.#way.length < LEAST_BLOCKS) return null;
    if (this.#needsFlags && !this.#flagsMayBeOld(sums)) return null;
    const way = new WayAround(sums, this.#wordBytes);
    const changes = way.changes();
    if (changes === null) return null;
    const conditions: TurnCondition[] = [];
    for (const question of this.#questions) {
      const counted = way.counted(question);
      if (counted === null) return null;
      conditions.push(counted);
    }
    const instructions = this.#way.reduce(
      (sum, index) => sum + (this.#nodes[index]?.block?.instructions.length ?? 0),
      0,
    );
    return { instructions, changes, conditions };
  }
}

/**
 * The way around a loop on which nothing happens but that registers are copied, gain constants and are compared: searches
 * through what is not there. Null: there is none, or the loop is a delay, of one block.
 * @param header - node at which turns begin
 * @param needsFlags - whether what comes behind `header` may look at flags that it found
 */
export const countedTurn = (
  nodes: readonly FlowNode[],
  header: number,
  wordBytes: number,
  needsFlags: boolean,
): CountedTurn | null =>
  new Search(nodes, header, wordBytes, needsFlags).from(header, new TurnSums(wordBytes));
