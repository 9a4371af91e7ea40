import {
  add,
  and,
  constant,
  convert,
  type FunctionBody,
  shrU,
  type Value,
  xor,
} from "@xenolith/wasm-emitter";
import type { KeptLocals } from "../interpreter/kept-state.ts";
import { LEAVE } from "../interpreter/record.ts";

const PAGE_BYTES = 4096;
const REFUND_SHIFT = 12;
const MOST_REFUND = 127;
const CODE_SHIFT = 19;

/**
 * What leaving a region for a place of its page takes, as one constant: regions have a way out for every access, and each would
 * else spell out pointer, budget and code. Bits 11:0 are the offset in the page, 18:12 the instructions that are given back, the
 * rest what the code differs from `LEAVE.help`, the most frequent one. Null: the place is in another page.
 */
export const exitWord = (code: number, offset: number, refund: number): number | null => {
  if (offset < 0 || offset >= PAGE_BYTES) return null;
  return offset + (refund << REFUND_SHIFT) + ((code ^ LEAVE.help) << CODE_SHIFT);
};

/** Does what an {@link exitWord} in the local `code` says, which becomes the value of `LEAVE`. */
export const readExitWord = (
  body: FunctionBody,
  code: Value,
  page: number,
  { instructionPointer, budget }: KeptLocals,
): void => {
  const { type } = instructionPointer;
  body.set(instructionPointer, add(constant(type, page), convert(and(code, PAGE_BYTES - 1), type)));
  body.set(budget, add(budget, and(shrU(code, REFUND_SHIFT), MOST_REFUND)));
  body.set(code, xor(shrU(code, CODE_SHIFT), LEAVE.help));
};
