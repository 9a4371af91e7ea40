import { add, and, i32, load, or, shl, shrU, TYPE, type Value } from "@xenolith/wasm-emitter";
import type { SupportFunction } from "../support-function.ts";

/** Leaves of either range, basic and extended, that {@link CpuidTable} holds. */
const LEAVES = 32;
const ENTRY_BYTES = 32;
const VALID = 16;

/** Bytes of a table of answers of CPUID: four words, then 1 where they hold whatever the subleaf is. */
export const CPUID_TABLE_BYTES: number = 2 * LEAVES * ENTRY_BYTES;

/** Fills a table: the answer of a leaf that knows no subleaves, or null. */
export const fillCpuidTable = (
  view: DataView,
  at: number,
  answerOf: (leaf: number) => readonly [number, number, number, number] | null,
): void => {
  for (let index = 0; index < 2 * LEAVES; index++) {
    const leaf = index < LEAVES ? index : 0x8000_0000 + index - LEAVES;
    const answer = answerOf(leaf);
    const entry = at + index * ENTRY_BYTES;
    for (const [position, word] of (answer ?? []).entries()) view.setUint32(entry + 4 * position, word, true);
    view.setUint32(entry + VALID, answer === null ? 0 : 1, true);
  }
};

/** (leaf) -> 1 and the answer of CPUID, or 0 where the table does not have it. */
export const LOOK_UP_CPUID: SupportFunction = {
  name: "lookUpCpuid",
  parameters: [TYPE.i32],
  results: [TYPE.i32, TYPE.i32, TYPE.i32, TYPE.i32, TYPE.i32],
  emit(body, context) {
    const leaf = body.parameter(0);
    const entry = body.local(TYPE.i32);
    body.if(and(leaf, 0x7fff_ffff & ~(LEAVES - 1)));
    body.return(i32(0), i32(0), i32(0), i32(0), i32(0));
    body.end();
    const index = or(and(leaf, LEAVES - 1), shl(shrU(leaf, 31), Math.log2(LEAVES)));
    body.set(entry, add(shl(index, Math.log2(ENTRY_BYTES)), context.cpuidTable));
    const word = (offset: number): Value => load(TYPE.i32, 4, false, entry, offset);
    body.push(word(VALID), word(0), word(4), word(8), word(12));
  },
};
