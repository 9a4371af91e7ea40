import { CR4, packFault, VECTOR } from "@xenolith/x86-architecture";
import { EINVAL, ENODEV, EPERM } from "@xenolith/xen-abi";
import { isGuestRange } from "../guest-memory.ts";
import type { Vcpu } from "../vcpu.ts";
import { readGeneral, writeGeneral } from "./general-register.ts";
import { EMULATED, type Emulation, kernelOnly, REFUSED } from "./outcome.ts";

/** Bits of DR6 that always read as one. [SDM3A-17.2.3] */
const DR6_ONES = 0xffff_0ff0;
/** Bits of DR6 that always read as zero: bit 12. */
const DR6_ZEROES = 0x1000;
/** Bit 10 of DR7 always reads as one. [SDM3A-17.2.4] */
const DR7_ONES = 0x400;
/** Bits 12, 14 and 15 of DR7 always read as zero. */
const DR7_ZEROES = 0xd000;
/** GD: any access to a debug register faults. Not for guests. */
const DR7_GENERAL_DETECT = 0x2000;
/** L0-L3 and G0-G3. */
const DR7_ENABLES = 0xff;
/** R/W field of a breakpoint that watches ports. */
const BREAK_ON_PORT = 2;

/** Register behind a number: 4 and 5 are 6 and 7 while CR4.DE is clear. Negative: -ENODEV. */
const resolve = (vcpu: Vcpu, index: number): number => {
  if (index === 4 || index === 5) return vcpu.cr4 & CR4.de ? -ENODEV : index + 2;
  return index >= 0 && index <= 7 ? index : -ENODEV;
};

const watchesPorts = (control: number): boolean =>
  [16, 20, 24, 28].some((shift) => ((control >>> shift) & 3) === BREAK_ON_PORT);

const TWO_32 = 0x1_0000_0000;

/**
 * Sets a debug register with the rules of set_debugreg.
 * @returns 0, -ENODEV, -EINVAL for bits above 31 of DR6 and DR7, or -EPERM for what could trap the monitor
 */
export const setDebugRegister = (vcpu: Vcpu, index: number, value: number): number => {
  const register = resolve(vcpu, index);
  const context = vcpu.x86?.context;
  if (register < 0) return register;
  if (context === undefined) return -EINVAL;
  if (register >= 6 && !(value >= 0 && value < TWO_32)) return -EINVAL;
  if (register < 4) {
    if (!isGuestRange(vcpu.domain.width, value, 1)) return -EPERM;
    context.setDebug(register, value);
  } else if (register === 6) {
    context.setDebug(6, ((value & ~DR6_ZEROES) | DR6_ONES) >>> 0);
  } else {
    const control = ((value & ~DR7_ZEROES) | DR7_ONES) >>> 0;
    if (control & DR7_GENERAL_DETECT) return -EPERM;
    if ((control & DR7_ENABLES) !== 0 && watchesPorts(control) && (vcpu.cr4 & CR4.de) === 0) return -EPERM;
    context.setDebug(7, control);
  }
  return 0;
};

/**
 * Reads a debug register: 32 bits unsigned, or -ENODEV. Addresses of 64-bit guests are signed, as the guest's own
 * `unsigned long` would show them.
 */
export const getDebugRegister = (vcpu: Vcpu, index: number): number => {
  const register = resolve(vcpu, index);
  return register < 0 ? register : (vcpu.x86?.context.debug(register) ?? -EINVAL);
};

/** Whether a number names a register: 4 and 5 do not while CR4.DE is set. */
const aliasFault = (vcpu: Vcpu, index: number): number => {
  if (resolve(vcpu, index) >= 0) return 0;
  return index === 4 || index === 5 ? packFault(VECTOR.invalidOpcode, 0) : REFUSED;
};

/** MOV from a debug register. */
export const emulateReadDebug: Emulation = kernelOnly((vcpu, x86, { system, register }) => {
  const fault = aliasFault(vcpu, system);
  if (fault !== 0) return fault;
  writeGeneral(vcpu, x86, register, getDebugRegister(vcpu, system));
  return EMULATED.next;
});

/** MOV to a debug register. */
export const emulateWriteDebug: Emulation = kernelOnly((vcpu, x86, { system, register }) => {
  const fault = aliasFault(vcpu, system);
  if (fault !== 0) return fault;
  const result = setDebugRegister(vcpu, system, readGeneral(vcpu, x86, register));
  return result === 0 ? EMULATED.next : REFUSED;
});
