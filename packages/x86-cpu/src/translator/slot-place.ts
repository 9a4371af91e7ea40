import { add, type FunctionBody, type Value } from "@xenolith/wasm-emitter";

/** Where the number of a function in the table comes from: modules do not know it, so that they can be used again. */
export interface SlotPlace {
  /** Index of the global with the number of the module's first region. */
  readonly global: number;
  /** Which region of the module it is. */
  readonly position: number;
}

/** The number, by way of a local for that of the first region. */
export const slotValue = (body: FunctionBody, { global, position }: SlotPlace, first: Value): Value => {
  body.getGlobal(global);
  body.set(first);
  return add(first, position);
};
