import {
  and,
  constant,
  eq,
  type FunctionBody,
  i64,
  isZero,
  type Label,
  load,
  type ModuleBuilder,
  ne,
  or,
  shl,
  shrU,
  sub,
  TYPE,
  type Value,
  type ValueType,
  xor,
} from "@xenolith/wasm-emitter";
import { CHUNK_SHIFT } from "../engine/decoded-chunks.ts";
import type { CodeRange } from "./code-range.ts";
import { executeEntry } from "./execute-entry.ts";
import type { DistantFunction } from "./region-block.ts";
import type { TranslatorPlaces } from "./translator-places.ts";

const PAGE_BITS = 12;
/** Stamp of no frame. */
const NEVER = -1;

/** How a region finds out whether a function in another page is still the one that it has a copy of. */
export interface DistantCheck {
  /** Number from 1 by which it is looked at thoroughly; see {@link DistantChecks.compare}. */
  readonly number: number;
  /** Index of the global with the stamp of the frame in which the function was last found unchanged. */
  readonly global: number;
}

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
 * The checks of one module. Whether a function in another page may be executed where it is called, is the one that was copied, and would
 * be told of if it were stored into, is looked at whenever control comes to the copy, so that nothing has to be withdrawn when any of it
 * changes. That takes no more than a comparison of stamps, unless the page is mapped to another frame or its code may have changed: then
 * the region is left, and what the function is made of is compared byte by byte for the next time.
 */
export class DistantChecks {
  readonly #module: ModuleBuilder;
  readonly #places: TranslatorPlaces;
  readonly #addressType: ValueType;
  readonly #known = new Map<DistantFunction, DistantCheck>();
  #body: FunctionBody | null = null;

  constructor(module: ModuleBuilder, places: TranslatorPlaces, addressType: ValueType) {
    this.#module = module;
    this.#places = places;
    this.#addressType = addressType;
  }

  /** Index of the function (number of a check, space tag) -> () that compares; a region calls it after its state is stored. */
  get compare(): number {
    this.#body ??= this.#module.function([TYPE.i32, TYPE.i32], []);
    return this.#body.index;
  }

  /** The check for a function. */
  of(distant: DistantFunction): DistantCheck {
    let check = this.#known.get(distant);
    if (check === undefined) {
      check = { number: this.#known.size + 1, global: this.#module.global(i64(NEVER)) };
      this.#known.set(distant, check);
    }
    return check;
  }

  /** Branches to a label if a function was found unchanged where it is now. */
  branchIfThere(
    body: FunctionBody,
    label: Label,
    spaceTag: Value,
    { at }: DistantFunction,
    global: number,
  ): void {
    const linear = constant(this.#addressType, at);
    const { isMapped, frame } = executeEntry(this.#places.tlb, linear, spaceTag);
    const stamp = load(TYPE.i64, 8, false, shl(frame, 3), this.#places.codeStamps);
    const found = body.local(TYPE.i64);
    body.if(isMapped);
    body.getGlobal(global);
    body.set(found);
    body.branchIf(label, eq(stamp, found));
    body.end();
  }

  /** Emits {@link compare}. */
  finish(): void {
    const body = this.#body;
    if (body === null) return;
    const [number, spaceTag] = [body.parameter(0), body.parameter(1)];
    const host = body.local(TYPE.i32);
    const none = body.block();
    const labels = [...this.#known].map(() => body.block()).toReversed();
    body.branchTable(sub(number, 1), labels, none);
    for (const [distant, { global }] of this.#known) {
      body.end();
      const linear = constant(this.#addressType, distant.at);
      const { isMapped, frame } = executeEntry(this.#places.tlb, linear, spaceTag);
      body.branchIf(none, isZero(isMapped));
      body.set(host, shl(frame, PAGE_BITS));
      const chunks = distant.ranges.map(chunksOf).reduce((all, one) => all | one, 0n);
      const decoded = load(TYPE.i64, 8, false, shrU(host, PAGE_BITS - 3), this.#places.decodedChunks);
      const undecoded = and(xor(decoded, -1), i64(chunks));
      const differences = distant.ranges.flatMap((range) => differencesOf(host, range));
      body.branchIf(
        none,
        ne(
          differences.reduce((all, one) => or(all, one), undecoded),
          0,
        ),
      );
      body.push(load(TYPE.i64, 8, false, shrU(host, PAGE_BITS - 3), this.#places.codeStamps));
      body.setGlobal(global);
      body.branch(none);
    }
    body.end();
  }
}
