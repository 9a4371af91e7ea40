import { TLB_ENTRY } from "@xenolith/machine-interface";
import {
  add,
  and,
  constant,
  eq,
  type FunctionBody,
  i64,
  isZero,
  type Label,
  load,
  or,
  shl,
  shrU,
  TYPE,
  type Value,
  xor,
} from "@xenolith/wasm-emitter";
import { CHUNK_SHIFT } from "../engine/decoded-chunks.ts";
import { tlbEntryOffset, tlbTag } from "../machine/tlb-probe.ts";
import { type CodeRange, rangesOf } from "./code-range.ts";
import type { Discovery } from "./discovery.ts";
import { buildFlowGraph } from "./flow-graph.ts";
import type { BlockEnd, DistantFunction, RegionBlock } from "./region-block.ts";
import type { TranslatorPlaces } from "./translator-machine.ts";

const PAGE_BITS = 12;
/** Largest function that a region takes along from another page. */
export const DISTANT_LIMITS = { blocks: 20, instructions: 64 };
/** Most instructions of all that one region takes along. */
export const MOST_DISTANT = 320;

/** How blocks of a function that calls no other may end. */
const SIMPLE: ReadonlySet<BlockEnd> = new Set([
  "fall",
  "branch",
  "jump",
  "jump-indirect",
  "repeat",
  "return",
]);
/** How a function ends. */
const LAST: ReadonlySet<BlockEnd> = new Set(["return", "jump-indirect"]);

/** Whether blocks are a function that calls no other and comes back, or leads on to another one. */
const isSimple = (discovery: Discovery): boolean =>
  discovery.blocks.some(({ end }) => LAST.has(end)) &&
  discovery.blocks.every(({ end }) => SIMPLE.has(end)) &&
  buildFlowGraph(discovery, []).nodes.every(({ viaDispatcher }) => viaDispatcher.size === 0);

/**
 * Makes what was found from a function's first instruction the blocks of a distant function. `page` is its page's offset in CS, `host` the
 * page's place in `memory`.
 * @returns null where it is not simple enough
 */
export const distantFunction = (
  at: number,
  discovery: Discovery,
  page: number,
  memory: Uint8Array,
  host: number,
): readonly RegionBlock[] | null => {
  if (!isSimple(discovery)) return null;
  const distant = { at, ranges: rangesOf(discovery.blocks, page, memory, host) };
  return discovery.blocks.map((block) => ({ ...block, distant }));
};

/** A bit for each chunk of a page that a range of it reaches into. */
const chunksOf = ({ start, bytes }: CodeRange): bigint => {
  let chunks = 0n;
  for (let chunk = start >> CHUNK_SHIFT; chunk <= (start + bytes.length - 1) >> CHUNK_SHIFT; chunk++)
    chunks |= 1n << BigInt(chunk);
  return chunks;
};

/** Bits by which memory differs from a range of a page that begins at `host`, in words that may overlap. */
const differencesOf = (host: Value, { start, bytes }: CodeRange): readonly Value[] => {
  const width = bytes.length >= 8 ? 8 : bytes.length >= 4 ? 4 : 1;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const differences: Value[] = [];
  for (let at = 0; at < bytes.length; at += width) {
    const from = Math.min(at, bytes.length - width);
    const expected =
      width === 8
        ? view.getBigUint64(from, true)
        : BigInt(width === 4 ? view.getUint32(from, true) : view.getUint8(from));
    differences.push(xor(load(TYPE.i64, width, false, host, start + from), i64(expected)));
  }
  return differences;
};

/**
 * Branches to a label if a distant function may be executed where it is called and is the one that was copied, and if a store into it would
 * be announced: so that the copy may run until it leaves the region. All this is looked at whenever control comes here, so that nothing
 * has to be withdrawn when any of it changes.
 */
export const branchIfThere = (
  body: FunctionBody,
  label: Label,
  { tlb, decodedChunks }: TranslatorPlaces,
  spaceTag: Value,
  { at, ranges }: DistantFunction,
): void => {
  const linear = constant(spaceTag.type, at);
  const page = add(tlbEntryOffset(linear, spaceTag), tlb.execute);
  const tag = load(linear.type, linear.type === TYPE.i64 ? 8 : 4, false, page, TLB_ENTRY.tag);
  const host = body.local(TYPE.i32);
  body.if(eq(tag, tlbTag(linear, 1, spaceTag)));
  body.set(host, shl(load(TYPE.i32, 4, false, page, TLB_ENTRY.frame), PAGE_BITS));
  const chunks = ranges.map(chunksOf).reduce((all, one) => all | one, 0n);
  const undecoded = and(
    xor(load(TYPE.i64, 8, false, shrU(host, PAGE_BITS - 3), decodedChunks), -1),
    i64(chunks),
  );
  const differences = ranges.flatMap((range) => differencesOf(host, range));
  body.branchIf(label, isZero(differences.reduce((all, one) => or(all, one), undecoded)));
  body.end();
};
