import { type FunctionBody, isZero, load, sub, TYPE, type Value } from "@xenolith/wasm-emitter";
import { recordTarget } from "./entry-cache.ts";
import { HEADER, RECORD_BYTES } from "./record.ts";

/** Where the header of a block is, given its first record. */
const headerAt = (record: Value): Value => sub(record, RECORD_BYTES);

/** How often the block that begins with a record may still be entered before it counts as hot. */
export const counterOf = (record: Value): Value => load(TYPE.i32, 4, false, headerAt(record), HEADER.counter);

/** Emits the store that sets {@link counterOf}. */
export const setCounter = (body: FunctionBody, record: Value, count: Value): void =>
  body.store(4, headerAt(record), count, HEADER.counter);

/** Which translation begins there, as the entry cache says it; 0: the block knows of none. */
export const translationOf = (record: Value): Value =>
  load(TYPE.i32, 4, false, headerAt(record), HEADER.translation);

/** What the entry cache is to say of the block that begins with a record (a local): its translation, or the record itself. */
export const targetAt = (body: FunctionBody, record: Value): Value => {
  const target = body.local(TYPE.i32);
  body.set(target, translationOf(record));
  body.if(isZero(target));
  body.set(target, recordTarget(record));
  body.end();
  return target;
};
