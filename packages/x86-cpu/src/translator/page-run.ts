import { TLB_ENTRY } from "@xenolith/machine-interface";
import {
  and,
  arithmetic,
  compare,
  type FunctionBody,
  i32,
  isZero,
  type Label,
  load,
  ltS,
  ltU,
  mul,
  ne,
  select,
  sub,
  TYPE,
  type Value,
  wrap,
  xor,
} from "@xenolith/wasm-emitter";
import { tlbEntryOffset, tlbTag } from "../machine/tlb-probe.ts";
import { STATE } from "../state/layout.ts";
import type { TranslatorPlaces } from "./translator-places.ts";

const PAGE_BYTES = 4096;

/** An access of a loop whose address moves by the same distance in every turn. */
export interface SteadyAccess {
  /** Linear address in the turn that comes. */
  readonly address: Value;
  readonly sizeBytes: number;
  readonly isWrite: boolean;
  /** Bytes from turn to turn. */
  readonly stride: number;
}

/** 32 bits that move by the same distance in every turn, and must not wrap while they do. */
export interface SteadyCounter {
  /** In the turn that comes, as i32. */
  readonly value: Value;
  readonly isSigned: boolean;
  /** At most {@link LONGEST_STRIDE} either way, and not 0. */
  readonly step: number;
}

/** Longest distance from turn to turn: with longer ones a page lasts only a few turns. */
export const LONGEST_STRIDE = 512;
/** More than counters move in a run: one has at most as many turns as a page has bytes. */
const MOST_MOVED = 2 * PAGE_BYTES * LONGEST_STRIDE;

/** The budget of a loop: what is left, what a turn costs, and what must be left to begin one. */
interface TurnBudget {
  readonly left: Value;
  readonly perTurn: number;
  readonly least: number;
}

/** Turns of a loop that need not ask the TLB. */
export interface PageRun {
  /** What is added to the address of each access. */
  readonly addends: readonly Value[];
  /** Whether the budget, after a turn, says that the next one need not ask either. */
  readonly goesOn: Value;
}

/** Further turns that an access stays on its page. It does not cross the page's end in the turn that comes. */
const furtherTurns = (at: Value, { sizeBytes, stride }: SteadyAccess): Value | null => {
  const offset = and(wrap(at), PAGE_BYTES - 1);
  if (stride > 0) return arithmetic("divU", sub(i32(PAGE_BYTES - sizeBytes), offset), stride);
  return stride < 0 ? arithmetic("divU", offset, -stride) : null;
};

/** Whether a counter is so near to where it wraps that it could within a run. */
const mayWrap = ({ value, isSigned, step }: SteadyCounter): Value => {
  const place = isSigned ? xor(value, 0x8000_0000 | 0) : value;
  return step > 0 ? compare("gtU", place, i32(-MOST_MOVED)) : ltU(place, MOST_MOVED);
};

/**
 * Asks the TLB once for all turns of a loop in which none of some accesses leaves its page, and branches to `otherwise` when one
 * of them misses in the turn that comes, or a counter may wrap. The answer holds until generated code is left: what withdraws TLB entries runs outside.
 */
export const emitPageRun = (
  body: FunctionBody,
  { tlb, state }: TranslatorPlaces,
  spaceTag: Value,
  accesses: readonly SteadyAccess[],
  counters: readonly SteadyCounter[],
  { left, perTurn, least }: TurnBudget,
  otherwise: Label,
): PageRun => {
  const entry = body.local(TYPE.i32);
  const turns = body.local(TYPE.i32);
  const further = body.local(TYPE.i32);
  const floor = body.local(TYPE.i32);
  const place = i32(state);
  for (const counter of counters) body.branchIf(otherwise, mayWrap(counter));
  body.set(turns, i32(PAGE_BYTES));
  const addends = accesses.map((access) => {
    const { address, sizeBytes, isWrite } = access;
    const at = body.local(address.type);
    const addend = body.local(TYPE.i32);
    const table = isWrite ? tlb.write : tlb.read;
    body.set(at, address);
    body.set(entry, tlbEntryOffset(at, spaceTag));
    const tag = load(address.type, address.type === TYPE.i64 ? 8 : 4, false, entry, table + TLB_ENTRY.tag);
    body.branchIf(otherwise, ne(tag, tlbTag(at, sizeBytes, spaceTag)));
    body.set(addend, load(TYPE.i32, 4, false, entry, table + TLB_ENTRY.addend));
    const bound = furtherTurns(at, access);
    if (bound === null) return addend;
    body.set(further, bound);
    body.set(turns, select(further, turns, ltU(further, turns)));
    return addend;
  });
  body.set(floor, sub(left, mul(turns, perTurn)));
  // In memory: compilers would work it out anew in every turn rather than keep one value more in a register.
  body.store(4, place, select(i32(least), floor, ltS(floor, least)), STATE.turnFloor);
  const kept = load(TYPE.i32, 4, false, place, STATE.turnFloor);
  return { addends, goesOn: isZero(ltS(left, kept)) };
};
