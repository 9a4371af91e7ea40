import { CR0, CR4, packFault, VECTOR } from "@xenolith/x86-architecture";
import { VECTOR_MNEMONICS } from "../decoder/vector-map.ts";
import { unitOf } from "../engine/instruction-form.ts";
import type { SystemOperation } from "../engine/system-operations.ts";

/** A vector instruction whose unit the system has switched off. [SDM3A-13.1] */
const refuse: SystemOperation = ({ state }, instruction) => {
  const unit = unitOf(instruction);
  const isEmulated = (state.control(0) & CR0.em) !== 0;
  const isUnprepared = unit === "vectors" && (state.control(4) & CR4.osfxsr) === 0;
  const isSwitched = unit !== null && !isEmulated && !isUnprepared && (state.control(0) & CR0.ts) !== 0;
  return packFault(isSwitched ? VECTOR.deviceNotAvailable : VECTOR.invalidOpcode, 0);
};

/** MMX and SSE where CR0 and CR4 do not allow them. What is allowed is done by generated code. */
export const UNAVAILABLE_UNITS: Readonly<Record<string, SystemOperation>> = Object.fromEntries(
  [...VECTOR_MNEMONICS].map((mnemonic) => [mnemonic, refuse]),
);
