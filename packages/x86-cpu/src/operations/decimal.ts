import { FLAG, packFault, REGISTER, VECTOR } from "@xenolith/x86-architecture";
import { OUTCOME, type ProcessorCore, type SystemOperation } from "../engine/system-operations.ts";
import type { VcpuState } from "../state/vcpu-state.ts";

const { rax } = REGISTER;

const lowByte = (state: VcpuState): number => state.register(rax) & 0xff;
const highByte = (state: VcpuState): number => (state.register(rax) >>> 8) & 0xff;
const setBytes = (state: VcpuState, high: number, low: number): void =>
  state.setRegister16(rax, ((high & 0xff) << 8) | (low & 0xff));

const resultFlags = (value: number): number => {
  const byte = value & 0xff;
  let bits = byte ^ (byte >> 4);
  bits ^= bits >> 2;
  bits ^= bits >> 1;
  return (bits & 1 ? 0 : FLAG.pf) | (byte === 0 ? FLAG.zf : 0) | (byte & 0x80 ? FLAG.sf : 0);
};

/** DAA and DAS: decimal adjustment of AL after addition or subtraction. OF is undefined. */
const adjustPacked =
  (isSubtraction: boolean): SystemOperation =>
  ({ state }) => {
    const flags = state.arithmeticFlags;
    const old = lowByte(state);
    const sign = isSubtraction ? -1 : 1;
    const adjustsLow = (old & 15) > 9 || (flags & FLAG.af) !== 0;
    const adjustsHigh = old > 0x99 || (flags & FLAG.cf) !== 0;
    const value = old + (adjustsLow ? 6 * sign : 0) + (adjustsHigh ? 0x60 * sign : 0);
    const borrows = isSubtraction && adjustsLow && old < 6;
    setBytes(state, highByte(state), value);
    state.arithmeticFlags =
      resultFlags(value) | (adjustsLow ? FLAG.af : 0) | (adjustsHigh || borrows ? FLAG.cf : 0);
    return OUTCOME.next;
  };

/** AAA and AAS: adjustment of AL to one decimal digit, with carry into AH. The other flags are undefined. */
const adjustUnpacked =
  (isSubtraction: boolean): SystemOperation =>
  ({ state }) => {
    const flags = state.arithmeticFlags;
    const adjusts = (lowByte(state) & 15) > 9 || (flags & FLAG.af) !== 0;
    const step = isSubtraction ? -0x106 : 0x106;
    const value = (state.register(rax) & 0xffff) + (adjusts ? step : 0);
    setBytes(state, value >> 8, value & 15);
    state.arithmeticFlags = resultFlags(value & 15) | (adjusts ? FLAG.af | FLAG.cf : 0);
    return OUTCOME.next;
  };

/** AAM: AH = AL / base, AL = AL mod base. */
const splitDigits: SystemOperation = (core, instruction) => {
  const { state } = core;
  const base = core.operands.read(instruction, 0, 1);
  if (base === 0) return packFault(VECTOR.divideError, 0);
  const value = lowByte(state);
  setBytes(state, Math.floor(value / base), value % base);
  state.arithmeticFlags = resultFlags(value % base);
  return OUTCOME.next;
};

/** AAD: AL = AL + AH * base, AH = 0. */
const joinDigits: SystemOperation = (core: ProcessorCore, instruction) => {
  const { state } = core;
  const value = (lowByte(state) + highByte(state) * core.operands.read(instruction, 0, 1)) & 0xff;
  setBytes(state, 0, value);
  state.arithmeticFlags = resultFlags(value);
  return OUTCOME.next;
};

/** DAA DAS AAA AAS AAM AAD. [SDM2A-3.2] */
export const DECIMAL: Readonly<Record<string, SystemOperation>> = {
  daa: adjustPacked(false),
  das: adjustPacked(true),
  aaa: adjustUnpacked(false),
  aas: adjustUnpacked(true),
  aam: splitDigits,
  aad: joinDigits,
};
