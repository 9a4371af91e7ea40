import { REGISTER } from "@xenolith/x86-architecture";
import { displacementOf } from "../engine/instruction-form.ts";
import { isFlat, type Mode } from "../engine/mode.ts";
import { AccessGroup, type AccessGroups, type GroupMember, NO_GROUPS } from "./access-group.ts";
import { constantStep } from "./constant-step.ts";
import type { AccessEffect } from "./effects.ts";
import { plainOperand } from "./plain-operand.ts";
import type { PlacedInstruction } from "./region-block.ts";
import { registersWritten } from "./register-use.ts";

const REGISTERS = 16;
/** In place of the number of an origin. */
const NONE = -1;
/** More than a block has origins. */
const MOST_ORIGINS = 4096;

/** How many instructions make one access that may be in a group. */
const accessCount = (instructions: readonly PlacedInstruction[]): number => {
  let count = 0;
  for (let position = 0; position < instructions.length; position++)
    if (instructions[position]?.effects.onlyAccess != null) count += 1;
  return count;
};

/** How far an instruction moves the stack pointer; 0: it is none of those that push and pop. */
const stackStep = (mnemonic: string, sizeBytes: number): number => {
  if (mnemonic === "push" || mnemonic === "call") return -sizeBytes;
  return mnemonic === "pop" || mnemonic === "ret" ? sizeBytes : 0;
};

/**
 * Finds groups in blocks, one after the other. Each register is followed as the sum of an origin, which has a number, and a distance:
 * accesses with the same origins lie as far from one another as their distances do.
 */
export class GroupFinder {
  readonly #mode: Mode;
  readonly #wordBytes: number;
  readonly #origins = new Int32Array(REGISTERS);
  readonly #distances = new Float64Array(REGISTERS);
  #nextOrigin = 0;
  readonly #open: AccessGroup[] = [];

  constructor(mode: Mode) {
    this.#mode = mode;
    this.#wordBytes = mode.codeBytes === 8 ? 8 : 4;
  }

  /** The groups of a block. */
  find(instructions: readonly PlacedInstruction[]): AccessGroups {
    let rest = accessCount(instructions);
    if (rest < 2) return NO_GROUPS;
    for (let register = 0; register < REGISTERS; register++) {
      this.#origins[register] = register;
      this.#distances[register] = 0;
    }
    this.#nextOrigin = REGISTERS;
    this.#open.length = 0;
    const found: (GroupMember | null)[] = [];
    for (let position = 0; rest > 0; position++) {
      const placed = instructions[position];
      if (placed === undefined) break;
      const access = placed.effects.onlyAccess;
      if (access !== null) rest -= 1;
      // Support functions may do anything to the tables that the TLB was filled from.
      else if (placed.effects.support.length > 0) this.#open.length = 0;
      found.push(access === null ? null : this.#locate(placed, access));
      this.#move(placed);
    }
    return found;
  }

  #locate(placed: PlacedInstruction, access: AccessEffect): GroupMember | null {
    const { instruction, at } = placed;
    const operand = plainOperand(instruction, this.#wordBytes);
    if (operand !== null) {
      const { base, index, scale, segment } = operand;
      const isPlain = isFlat(this.#mode, segment);
      if (!isPlain && this.#wordBytes !== 8) return null;
      const displacement = displacementOf(instruction, operand) + (operand.isRipRelative ? at : 0);
      const indexDistance = (this.#distances[index] ?? 0) * (1 << scale);
      const place = displacement + (this.#distances[base] ?? 0) + indexDistance;
      const key = this.#keyOf(this.#origins[base], this.#origins[index], scale, isPlain ? 0 : segment + 1);
      return this.#join(key, place, access);
    }
    const step = instruction.operands.some(({ kind }) => kind === "memory")
      ? 0
      : stackStep(instruction.mnemonic, access.sizeBytes);
    if (step === 0) return null;
    const place = (this.#distances[REGISTER.rsp] ?? 0) + Math.min(step, 0);
    return this.#join(this.#keyOf(this.#origins[REGISTER.rsp], NONE, 0, 0), place, access);
  }

  /** Tells what addresses have in common; small enough to be exact. */
  #keyOf(base = NONE, index = NONE, scale: number, segment: number): number {
    return (((base + 1) * MOST_ORIGINS + index + 1) * 4 + scale) * 8 + segment;
  }

  #join(key: number, place: number, access: AccessEffect): GroupMember {
    const open = this.#open;
    let position = 0;
    while (position < open.length && open[position]?.key !== key) position += 1;
    let group = open[position];
    if (group?.join(place, access) !== true) {
      group = new AccessGroup(key, place, access);
      open[position] = group;
    }
    return { group, place };
  }

  /** Follows the registers that an instruction writes. */
  #move(placed: PlacedInstruction): void {
    const written = registersWritten(placed);
    if (written === 0) return;
    const { instruction, effects } = placed;
    const target = instruction.operands[0];
    const step = constantStep(instruction, this.#wordBytes);
    const isStep =
      step !== null &&
      target?.kind === "register" &&
      target.sizeBytes === this.#wordBytes &&
      instruction.mnemonic !== "movsxd";
    const by = isStep ? step.by + (this.#distances[step.from] ?? 0) : 0;
    const origin = isStep ? (this.#origins[step.from] ?? NONE) : NONE;
    const isTarget = target?.kind === "register" && target.register === REGISTER.rsp;
    const stack = isTarget ? 0 : stackStep(instruction.mnemonic, effects.accesses[0]?.sizeBytes ?? 0);
    for (let register = 0; register < REGISTERS; register++) {
      if (((written >> register) & 1) === 0) continue;
      if (register === REGISTER.rsp && stack !== 0)
        this.#distances[register] = (this.#distances[register] ?? 0) + stack;
      else {
        this.#origins[register] = isStep ? origin : this.#nextOrigin;
        this.#distances[register] = by;
        if (!isStep) this.#nextOrigin += 1;
      }
    }
  }
}
