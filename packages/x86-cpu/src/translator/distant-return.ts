import type { TlbRegion } from "@xenolith/machine-interface";
import {
  constant,
  eq,
  type FunctionBody,
  type Label,
  load,
  shl,
  TYPE,
  type Value,
} from "@xenolith/wasm-emitter";
import type { Instruction } from "../decoder/instruction.ts";
import { executeEntry } from "./execute-entry.ts";

/** Opcode of the near return without operands. */
const BARE_RETURN = 0xc3;

/** Whether an instruction is that opcode and nothing else. */
export const isBareReturn = ({ mnemonic, lengthBytes }: Instruction): boolean =>
  mnemonic === "ret" && lengthBytes === 1;

/**
 * Branches to a label if the linear address `at` may be executed and a near return lies there. The page and the byte are looked at
 * whenever control comes here, so nothing has to be withdrawn when either changes.
 */
export const branchIfReturn = (
  body: FunctionBody,
  label: Label,
  tlb: TlbRegion,
  spaceTag: Value,
  at: number,
): void => {
  const linear = constant(spaceTag.type, at);
  const { isMapped, frame } = executeEntry(tlb, linear, spaceTag);
  const host = shl(frame, 12);
  body.if(isMapped);
  body.branchIf(label, eq(load(TYPE.i32, 1, false, host, at & 0xfff), BARE_RETURN));
  body.end();
};
