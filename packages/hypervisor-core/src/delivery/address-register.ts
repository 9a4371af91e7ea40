import type { RegisterIndex, VcpuContext } from "@xenolith/x86-architecture";
import type { Word64 } from "@xenolith/xen-abi";

const TWO_32 = 0x1_0000_0000;

/** A general register as an address: signed, exact where it is canonical. What is not stays so although it may be rounded. */
export const addressIn = (context: VcpuContext, register: RegisterIndex): number =>
  (context.registerHigh(register) | 0) * TWO_32 + context.register(register);

/** Writes a whole number, such as a canonical address, to all 64 bits of a general register. */
export const setLong = (context: VcpuContext, register: RegisterIndex, value: number): void =>
  context.setRegisterWords(register, value >>> 0, Math.floor(value / TWO_32) >>> 0);

/** Both words of a canonical address. */
export const wordsOfAddress = (address: number): Word64 => ({
  low: address >>> 0,
  high: Math.floor(address / TWO_32) >>> 0,
});
