import { type Instruction, MAX_INSTRUCTION_BYTES } from "../decoder/index.ts";
import type { Mode } from "./mode.ts";

/** Decodes the instruction at an offset in a frame, of which no more may be read; see `decode`. */
export type InstructionSource = (frame: number, offset: number, mode: Mode) => Instruction;

const PAGE_BYTES = 4096;
/** Instructions that are remembered at most: each byte of two pages has a place. */
const PLACES = 2 * PAGE_BYTES;
const NOWHERE = -1;

/** Instructions decoded not long ago, by page, offset in it and size of code: regions are explored again and again. */
export class RecentInstructions {
  readonly #keys = new Float64Array(PLACES).fill(NOWHERE);
  readonly #instructions: (Instruction | null)[] = new Array(PLACES).fill(null);

  /** What was decoded there, if that is still known. */
  get(page: number, offset: number, codeBytes: number): Instruction | null {
    const place = placeOf(page, offset);
    return this.#keys[place] === keyOf(page, offset, codeBytes) ? (this.#instructions[place] ?? null) : null;
  }

  /** Remembers an instruction in place of another. */
  set(page: number, offset: number, codeBytes: number, instruction: Instruction): void {
    const place = placeOf(page, offset);
    this.#keys[place] = keyOf(page, offset, codeBytes);
    this.#instructions[place] = instruction;
  }

  /** Forgets what was decoded from some bytes. */
  forget(page: number, offset: number, lengthBytes: number): void {
    const first = Math.max(0, offset - MAX_INSTRUCTION_BYTES + 1);
    const end = Math.min(PAGE_BYTES, offset + lengthBytes);
    this.#keys.fill(NOWHERE, placeOf(page, first), placeOf(page, 0) + end);
  }

  /** Forgets all. */
  clear(): void {
    this.#keys.fill(NOWHERE);
    this.#instructions.fill(null);
  }
}

const placeOf = (page: number, offset: number): number => (page & 1) * PAGE_BYTES + offset;

const keyOf = (page: number, offset: number, codeBytes: number): number =>
  (page * PAGE_BYTES + offset) * 16 + codeBytes;
