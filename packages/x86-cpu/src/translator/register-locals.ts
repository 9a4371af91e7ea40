import { type FunctionBody, load, TYPE, type Value } from "@xenolith/wasm-emitter";
import { STATE, VECTOR_BYTES } from "../state/layout.ts";
import type { RegionLocals } from "./region-flow.ts";
import type { RegionUse } from "./register-use.ts";

type RegisterLocals = Pick<RegionLocals, "registers" | "vectors">;

const generalAt = (index: number): number => STATE.registers + 8 * index;
const vectorAt = (index: number): number => STATE.vectors + VECTOR_BYTES * index;
const bytesOf = ({ type }: Value): number => (type === TYPE.i64 ? 8 : 4);

/** Loads the locals of registers from the state block. */
export const loadRegisters = (
  body: FunctionBody,
  state: Value,
  { registers, vectors }: RegisterLocals,
): void => {
  registers.forEach((local, index) => {
    if (local !== undefined)
      body.set(local, load(local.type, bytesOf(local), false, state, generalAt(index)));
  });
  vectors.forEach((local, index) => {
    if (local !== undefined) body.set(local, load(TYPE.v128, 16, false, state, vectorAt(index)));
  });
};

/** Stores back those that a region writes. */
export const storeRegisters = (
  body: FunctionBody,
  state: Value,
  { registers, vectors }: RegisterLocals,
  { written, writtenVectors }: RegionUse,
): void => {
  registers.forEach((local, index) => {
    if (local !== undefined && (written >> index) & 1)
      body.store(bytesOf(local), state, local, generalAt(index));
  });
  vectors.forEach((local, index) => {
    if (local !== undefined && (writtenVectors >> index) & 1) body.store(16, state, local, vectorAt(index));
  });
};
