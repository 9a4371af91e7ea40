import { FLAG } from "@xenolith/x86-architecture";
import { SEGMENT_BYTES, STATE, VECTOR_BYTES } from "../state/layout.ts";
import type { VcpuState } from "../state/vcpu-state.ts";
import type { RegisterChange } from "./types.ts";

interface Field {
  readonly name: string;
  readonly offset: number;
  readonly words: number;
}

const GENERAL = ["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi"];
const SELECTORS = ["es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr"];

/** Registers whose changes are reported, where they lie in the state block. Flags are not kept whole there. */
const FIELDS: readonly Field[] = [
  ...Array.from({ length: 16 }, (_, index) => ({
    name: GENERAL[index] ?? `r${index}`,
    offset: STATE.registers + 8 * index,
    words: 2,
  })),
  ...SELECTORS.map((name, index) => ({ name, offset: STATE.segments + SEGMENT_BYTES * index, words: 1 })),
  ...[0, 2, 3, 4, 8].map((index) => ({ name: `cr${index}`, offset: STATE.control + 8 * index, words: 2 })),
  ...Array.from({ length: 16 }, (_, index) => ({
    name: `xmm${index}`,
    offset: STATE.vectors + VECTOR_BYTES * index,
    words: 4,
  })),
];

/** Names of the registers that a trace tells of. */
export const TRACED_REGISTERS: readonly string[] = [...FIELDS.map(({ name }) => name), "rflags"];

const WORDS = FIELDS.reduce((sum, { words }) => sum + words, 0);
const REPORTED_FLAGS = ~FLAG.rf;

const wordsToBigint = (words: Uint32Array, at: number, count: number): bigint => {
  let value = 0n;
  for (let word = count - 1; word >= 0; word--) value = (value << 32n) | BigInt(words[at + word] ?? 0);
  return value;
};

/** Finds out which registers change from one look to the next. */
export class RegisterWatch {
  readonly #state: VcpuState;
  readonly #before = new Uint32Array(WORDS);
  readonly #after = new Uint32Array(WORDS);
  #flags = 0;

  constructor(state: VcpuState) {
    this.#state = state;
  }

  #read(into: Uint32Array): void {
    let at = 0;
    for (const { offset, words } of FIELDS) {
      for (let word = 0; word < words; word++) into[at + word] = this.#state.u32(offset + 4 * word);
      at += words;
    }
  }

  /** Remembers the registers. */
  look(): void {
    this.#read(this.#before);
    this.#flags = this.#state.flags & REPORTED_FLAGS;
  }

  /** What has changed since {@link look}. */
  changes(): readonly RegisterChange[] {
    this.#read(this.#after);
    const changes: RegisterChange[] = [];
    let at = 0;
    for (const { name, words } of FIELDS) {
      for (let word = 0; word < words; word++) {
        if (this.#before[at + word] === this.#after[at + word]) continue;
        changes.push({
          name,
          before: wordsToBigint(this.#before, at, words),
          after: wordsToBigint(this.#after, at, words),
        });
        break;
      }
      at += words;
    }
    const flags = this.#state.flags & REPORTED_FLAGS;
    if (flags !== this.#flags) {
      changes.push({ name: "rflags", before: BigInt(this.#flags >>> 0), after: BigInt(flags >>> 0) });
    }
    return changes;
  }
}
