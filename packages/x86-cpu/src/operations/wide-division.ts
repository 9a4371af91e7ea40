import { packFault, REGISTER, VECTOR } from "@xenolith/x86-architecture";
import { OUTCOME, type SystemOperation } from "../engine/system-operations.ts";

const { rax, rdx } = REGISTER;
const WORD = 64n;

/**
 * DIV and IDIV of 128 by 64 bits: generated code leaves them to TypeScript where the dividend's upper half matters. The flags
 * are undefined and stay. [SDM2A-3.2 "DIV", "IDIV"]
 */
const divide =
  (isSigned: boolean): SystemOperation =>
  ({ state, operands }, instruction) => {
    const fault = operands.read64(instruction, 0);
    if (fault !== 0) return fault;
    const bits = (BigInt(operands.high) << 32n) | BigInt(operands.low);
    const divisor = isSigned ? BigInt.asIntN(64, bits) : bits;
    const unsigned = (state.wideRegister(rdx) << WORD) | state.wideRegister(rax);
    const dividend = isSigned ? BigInt.asIntN(128, unsigned) : unsigned;
    if (divisor === 0n) return packFault(VECTOR.divideError, 0);
    const quotient = dividend / divisor;
    const fits = quotient === (isSigned ? BigInt.asIntN(64, quotient) : BigInt.asUintN(64, quotient));
    if (!fits) return packFault(VECTOR.divideError, 0);
    state.setWideRegister(rax, BigInt.asUintN(64, quotient));
    state.setWideRegister(rdx, BigInt.asUintN(64, dividend % divisor));
    return OUTCOME.next;
  };

/** DIV and IDIV with operands of 64 bits. */
export const WIDE_DIVISION: Readonly<Record<string, SystemOperation>> = {
  div: divide(false),
  idiv: divide(true),
};
