import { CR0, CR4, packFault, VECTOR } from "@xenolith/x86-architecture";
import { VECTOR_MNEMONICS } from "../decoder/vector-map.ts";
import { X87_MNEMONICS } from "../decoder/x87-table.ts";
import { unitOf } from "../engine/instruction-form.ts";
import { UNIT } from "../engine/mode.ts";
import type { SystemOperation } from "../engine/system-operations.ts";

/** A vector instruction whose unit the system has switched off. [SDM3A-13.1] */
export const refuseVectors: SystemOperation = ({ state }, instruction) => {
  const unit = unitOf(instruction);
  const isEmulated = (state.control(0) & CR0.em) !== 0;
  const isUnprepared = unit === UNIT.vectors && (state.control(4) & CR4.osfxsr) === 0;
  const isSwitched = unit !== 0 && !isEmulated && !isUnprepared && (state.control(0) & CR0.ts) !== 0;
  return packFault(isSwitched ? VECTOR.deviceNotAvailable : VECTOR.invalidOpcode, 0);
};

/** #NM where the system wants to know of x87 instructions: CR0.EM, or CR0.TS. [SDM3A-2.5] */
const refuseX87: SystemOperation = () => packFault(VECTOR.deviceNotAvailable, 0);

/** x87, MMX and SSE where CR0 and CR4 do not allow them. What is allowed is done by generated code. */
export const UNAVAILABLE_UNITS: Readonly<Record<string, SystemOperation>> = Object.fromEntries(
  [...VECTOR_MNEMONICS]
    .map((mnemonic) => [mnemonic, refuseVectors] as const)
    .concat([...X87_MNEMONICS, "wait"].map((mnemonic) => [mnemonic, refuseX87] as const)),
);
