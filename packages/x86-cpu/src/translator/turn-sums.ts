import type { Instruction, Operand } from "../decoder/instruction.ts";
import { constantStep } from "./constant-step.ts";

/** What a register holds: what another, or the same, held at the beginning of a turn, and a constant. Of the word's width. */
export interface Sum {
  /** -1: it is the constant alone. */
  readonly register: number;
  readonly plus: number;
  /** Whether it is the low 32 bits of the sum, in a word of 64. */
  readonly isNarrow: boolean;
}

/** What a condition asks about: two operands of a comparison, or whether a result is zero or negative. */
export interface Compared {
  readonly left: Sum;
  readonly right: Sum;
  readonly sizeBytes: number;
  /** Whether flags are those of the left operand as the result of something else, and only ZF and SF tell of it. */
  readonly isResult: boolean;
}

const REGISTERS = 16;
/** Constants beyond are not followed. */
const MOST_PLUS = 2 ** 31;
const NO_EFFECT: ReadonlySet<string> = new Set(["nop", "pause"]);
const ZERO: Sum = { register: -1, plus: 0, isNarrow: false };

/** What registers and flags are in a turn of a loop that only counts, as far as the turn has been followed. */
export class TurnSums {
  readonly #wordBytes: number;
  readonly #sums: (Sum | null)[];
  /** What the flags tell of; null: of something else. */
  compared: Compared | null = null;
  /** Whether CF is what it was at the beginning of the turn. */
  keepsCarry = true;
  /** Whether no flag has changed. */
  keepsFlags = true;

  constructor(wordBytes: number, from: TurnSums | null = null) {
    this.#wordBytes = wordBytes;
    this.#sums =
      from === null
        ? Array.from({ length: REGISTERS }, (_, register) => ({ register, plus: 0, isNarrow: false }))
        : [...from.#sums];
    if (from === null) return;
    this.compared = from.compared;
    this.keepsCarry = from.keepsCarry;
    this.keepsFlags = from.keepsFlags;
  }

  /** The same turn, to be followed another way. */
  copy(): TurnSums {
    return new TurnSums(this.#wordBytes, this);
  }

  /** What a register holds, where that is a sum. */
  of(register: number): Sum | null {
    return this.#sums[register] ?? null;
  }

  /** Counts a register down as LOOP does. @returns the question whether it has come to zero, which flags do not tell. */
  countDown(register: number): Compared | null {
    const rest = this.#moved(this.of(register), -1, this.#wordBytes);
    this.#sums[register] = rest;
    return rest === null ? null : { left: rest, right: ZERO, sizeBytes: this.#wordBytes, isResult: true };
  }

  /** Follows one instruction. @returns whether it is one that copies, adds constants or compares. */
  follow(instruction: Instruction): boolean {
    const { mnemonic, operands } = instruction;
    if (NO_EFFECT.has(mnemonic)) return true;
    const target = operands[0];
    const source = operands[1];
    if (target?.kind !== "register" || target.high || instruction.lock) return false;
    const { sizeBytes } = target;
    if (sizeBytes !== 4 && sizeBytes !== this.#wordBytes) return false;
    if (mnemonic === "cmp" || mnemonic === "test") return this.#compare(mnemonic, target, source, sizeBytes);
    if (mnemonic === "xor" && source?.kind === "register" && source.register === target.register) {
      this.#sums[target.register] = ZERO;
      this.#setFlags(null);
      this.keepsCarry = false;
      return true;
    }
    if (mnemonic === "mov" && source?.kind === "immediate") {
      this.#sums[target.register] = this.#operand(source, sizeBytes);
      return true;
    }
    return this.#step(instruction, target.register, sizeBytes);
  }

  #step(instruction: Instruction, target: number, sizeBytes: number): boolean {
    const { mnemonic, operands } = instruction;
    const step = mnemonic === "movsxd" ? null : constantStep(instruction, this.#wordBytes);
    if (step === null) return false;
    const before = this.of(step.from);
    const sum = this.#moved(before, step.by, sizeBytes);
    this.#sums[target] = sum;
    if (mnemonic === "lea" || mnemonic === "mov") return true;
    const right = mnemonic === "sub" ? this.#operand(operands[1], sizeBytes) : null;
    if (before !== null && right !== null)
      this.#setFlags({ left: before, right, sizeBytes, isResult: false });
    else this.#setFlags(sum === null ? null : { left: sum, right: ZERO, sizeBytes, isResult: true });
    if (mnemonic !== "inc" && mnemonic !== "dec") this.keepsCarry = false;
    return true;
  }

  #compare(
    mnemonic: "cmp" | "test",
    target: Operand,
    source: Operand | undefined,
    sizeBytes: number,
  ): boolean {
    const left = this.#operand(target, sizeBytes);
    const other = this.#operand(source, sizeBytes);
    // A register tested with itself is compared with zero.
    const isSame =
      source?.kind === "register" && target.kind === "register" && source.register === target.register;
    const right = mnemonic === "cmp" ? other : isSame ? ZERO : null;
    this.#setFlags(left === null || right === null ? null : { left, right, sizeBytes, isResult: false });
    this.keepsCarry = false;
    return source?.kind !== "memory";
  }

  #setFlags(compared: Compared | null): void {
    this.compared = compared;
    this.keepsFlags = false;
  }

  #operand(operand: Operand | undefined, sizeBytes: number): Sum | null {
    if (operand?.kind === "register") return operand.high ? null : this.of(operand.register);
    if (operand?.kind !== "immediate") return null;
    if (sizeBytes === 4 && this.#wordBytes === 8)
      return { register: -1, plus: operand.value >>> 0, isNarrow: false };
    return operand.high === operand.value >> 31 || sizeBytes === 4
      ? { register: -1, plus: operand.value, isNarrow: false }
      : null;
  }

  #moved(sum: Sum | null, by: number, sizeBytes: number): Sum | null {
    if (sum === null) return null;
    const { register, isNarrow } = sum;
    const plus = sum.plus + by;
    if (Math.abs(plus) > MOST_PLUS) return null;
    if (sizeBytes === this.#wordBytes) return isNarrow && by !== 0 ? null : { register, plus, isNarrow };
    return register < 0
      ? { register, plus: plus >>> 0, isNarrow: false }
      : { register, plus, isNarrow: true };
  }
}
