import { TLB_ENTRY } from "@xenolith/machine-interface";
import {
  and,
  arithmetic,
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
} from "@xenolith/wasm-emitter";
import { tlbEntryOffset, tlbTag } from "../machine/tlb-probe.ts";
import { STATE } from "../state/layout.ts";
import type { TranslatorPlaces } from "./translator-machine.ts";

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

/**
 * Asks the TLB once for all turns of a loop in which none of some accesses leaves its page, and branches to `otherwise` when one
 * of them misses in the turn that comes. The answer holds until generated code is left: what withdraws TLB entries runs outside.
 */
export const emitPageRun = (
  body: FunctionBody,
  { tlb, state }: TranslatorPlaces,
  spaceTag: Value,
  accesses: readonly SteadyAccess[],
  { left, perTurn, least }: TurnBudget,
  otherwise: Label,
): PageRun => {
  const entry = body.local(TYPE.i32);
  const turns = body.local(TYPE.i32);
  const further = body.local(TYPE.i32);
  const floor = body.local(TYPE.i32);
  const place = i32(state);
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
