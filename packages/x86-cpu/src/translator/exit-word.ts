import {
  add,
  and,
  constant,
  convert,
  type FunctionBody,
  shrS,
  shrU,
  TYPE,
  type Value,
  wrap,
  xor,
} from "@xenolith/wasm-emitter";
import type { KeptLocals } from "../interpreter/kept-state.ts";
import { LEAVE } from "../interpreter/record.ts";

const PAGE_BYTES = 4096;
const PAGE_BITS = 12;
const REFUND_SHIFT = 12;
const MOST_REFUND = 127;
const CODE_SHIFT = 19;
const CODE_MASK = 0xf;
const DISTANCE_SHIFT = 32;
/** Pages that a place may lie away from the region's: such words are exact numbers. */
const MOST_PAGES = 2 ** 20;

/**
 * What leaving a region for a place takes, as one constant of type i64: regions have a way out for every access, and each would
 * else spell out pointer, budget and code. Bits 11:0 are the offset in the place's page, 18:12 the instructions that are given back,
 * 22:19 what the code differs from `LEAVE.help`, the most frequent one, 63:32 how many pages behind the region's own the page lies.
 * `distance` is that of the place from the beginning of the region's page. Null: the place is too far away.
 */
export const exitWord = (code: number, distance: number, refund: number): number | null => {
  const pages = Math.floor(distance / PAGE_BYTES);
  if (Math.abs(pages) >= MOST_PAGES) return null;
  const low = distance - pages * PAGE_BYTES + (refund << REFUND_SHIFT) + ((code ^ LEAVE.help) << CODE_SHIFT);
  return low + pages * 2 ** DISTANCE_SHIFT;
};

/** Does what the {@link exitWord} on the stack says, but for the value of `LEAVE`, which the local `code` becomes. */
export const readExitWord = (
  body: FunctionBody,
  code: Value,
  page: number,
  { instructionPointer, budget }: KeptLocals,
): void => {
  const { type } = instructionPointer;
  const word = body.local(TYPE.i64);
  body.set(word);
  const away = and(shrS(word, DISTANCE_SHIFT - PAGE_BITS), -PAGE_BYTES);
  const place = convert(add(away, and(word, PAGE_BYTES - 1)), type);
  body.set(instructionPointer, add(place, constant(type, page)));
  const low = wrap(word);
  body.set(budget, add(budget, and(shrU(low, REFUND_SHIFT), MOST_REFUND)));
  body.set(code, xor(and(shrU(low, CODE_SHIFT), CODE_MASK), LEAVE.help));
};
