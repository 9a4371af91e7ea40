import {
  ATTRIBUTE,
  addressOfValue,
  FLAG,
  packFault,
  REGISTER,
  SEGMENT,
  type VcpuContext,
  VECTOR,
} from "@xenolith/x86-architecture";
import { isWithinLimit } from "../delivery/segment-loading.ts";
import type { Vcpu } from "../vcpu.ts";
import type { MayUsePorts } from "./io-privilege.ts";
import { EMULATED, type Emulation, REFUSED } from "./outcome.ts";

/** Iterations of one repeated INS or OUTS that are done before the guest is looked at again. */
const ITERATIONS_PER_EXIT = 256;

const writeAccumulator = (context: VcpuContext, sizeBytes: number, value: number): void => {
  if (sizeBytes === 4) context.setRegister(REGISTER.rax, value);
  else {
    const mask = sizeBytes === 1 ? 0xff : 0xffff;
    const wide = context.wideRegister(REGISTER.rax);
    context.setWideRegister(REGISTER.rax, (wide & ~BigInt(mask)) | BigInt(value & mask));
  }
};

const offsetMask = (addressBytes: number): bigint => (1n << BigInt(8 * addressBytes)) - 1n;

/** Adds to a register at the address size, leaving the bits above as a 16-bit instruction does. */
const addToRegister = (context: VcpuContext, index: number, delta: number, addressBytes: number): void => {
  const mask = offsetMask(addressBytes);
  const old = context.wideRegister(index);
  const sum = (old + BigInt(delta)) & mask;
  context.setWideRegister(index, addressBytes === 2 ? (old & ~mask) | sum : sum);
};

const ALL_ONES = new Uint8Array(8).fill(0xff);

/** Linear address of ES:DI, or null beyond the segment's limit. 64-bit code has neither base nor limit. */
const destination = (context: VcpuContext, sizeBytes: number, addressBytes: number): number | null => {
  const offset = context.wideRegister(REGISTER.rdi) & offsetMask(addressBytes);
  if ((context.segment(SEGMENT.cs).attributes & ATTRIBUTE.long) !== 0) return addressOfValue(offset);
  const segment = context.segment(SEGMENT.es);
  const isInside = isWithinLimit(segment, Number(offset), sizeBytes);
  return isInside ? (segment.base + Number(offset)) >>> 0 : null;
};

/** One iteration of INS: stores all ones at ES:DI. @returns 0 or a fault. */
const storeOne = (vcpu: Vcpu, context: VcpuContext, sizeBytes: number, addressBytes: number): number => {
  const linear = destination(context, sizeBytes, addressBytes);
  if (linear === null) return REFUSED;
  if (vcpu.guestMemory.copyTo(linear, ALL_ONES.subarray(0, sizeBytes))) return 0;
  const { fault } = vcpu.guestMemory;
  return fault === null ? REFUSED : packFault(VECTOR.pageFault, fault.errorCode);
};

const emulateString =
  (mayUse: MayUsePorts, indexRegister: number, transfer: typeof storeOne): Emulation =>
  (vcpu, x86, { port, sizeBytes, addressBytes, repeat }) => {
    if (!mayUse(vcpu, x86, port, sizeBytes)) return REFUSED;
    const { context } = x86;
    const mask = offsetMask(addressBytes);
    const step = context.flags & FLAG.df ? -sizeBytes : sizeBytes;
    for (let done = 0; done < ITERATIONS_PER_EXIT; done++) {
      if (repeat && (context.wideRegister(REGISTER.rcx) & mask) === 0n) return EMULATED.next;
      const fault = transfer(vcpu, context, sizeBytes, addressBytes);
      if (fault !== 0) return fault;
      addToRegister(context, indexRegister, step, addressBytes);
      if (!repeat) return EMULATED.next;
      addToRegister(context, REGISTER.rcx, -1, addressBytes);
    }
    return EMULATED.stay;
  };

/** Emulations of the instructions that use ports. */
export type PortEmulations = Readonly<Record<"in" | "out" | "ins" | "outs", Emulation>>;

/**
 * Makes them. Ports of an unprivileged domain are not there: who may use them reads all ones, and what is written is
 * dropped (so that OUTS does not read it at all); for others each is #GP(0).
 */
export const createPortEmulations = (mayUse: MayUsePorts): PortEmulations => ({
  in(vcpu, x86, { port, sizeBytes }) {
    if (!mayUse(vcpu, x86, port, sizeBytes)) return REFUSED;
    writeAccumulator(x86.context, sizeBytes, 0xffff_ffff);
    return EMULATED.next;
  },
  out: (vcpu, x86, { port, sizeBytes }) => (mayUse(vcpu, x86, port, sizeBytes) ? EMULATED.next : REFUSED),
  ins: emulateString(mayUse, REGISTER.rdi, storeOne),
  outs: emulateString(mayUse, REGISTER.rsi, () => 0),
});
