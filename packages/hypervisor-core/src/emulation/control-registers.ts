import { type LinearAddress, toLinearAddress, toMfn } from "@xenolith/machine-interface";
import { CR0, CR4, packFault, VECTOR, type X86Vcpu } from "@xenolith/x86-architecture";
import type { GuestWidth } from "@xenolith/xen-abi";
import { xenCr3ToPfn, xenPfnToCr3 } from "@xenolith/xen-abi/arch-x86";
import type { MemoryManager } from "../memory-manager.ts";
import type { UpcallState } from "../upcall-state.ts";
import type { Vcpu } from "../vcpu.ts";
import { readGeneral, writeGeneral } from "./general-register.ts";
import { EMULATED, type Emulation, kernelOnly, REFUSED } from "./outcome.ts";

/** CR0 of every guest, but for TS. */
export const GUEST_CR0: number = (CR0.pe | CR0.mp | CR0.et | CR0.ne | CR0.wp | CR0.am | CR0.pg) >>> 0;

/** Bits of CR4 that a guest may change. */
const CHANGEABLE_CR4 = CR4.tsd | CR4.de;

/** CR4 as a guest of a width reads it before it changes anything. */
export const guestCr4 = (width: GuestWidth): number =>
  (width === "x86_32" ? 0 : CR4.pae) | CR4.osfxsr | CR4.osxmmexcpt;

/** Sets or clears CR0.TS of a VCPU: with it, FPU instructions fault with #NM. */
export const setTaskSwitched = (vcpu: Vcpu, set: boolean): void => {
  vcpu.cr0 = set ? GUEST_CR0 | CR0.ts : GUEST_CR0;
  vcpu.cr0 >>>= 0;
  vcpu.x86?.context.setControl(0, vcpu.cr0);
};

/** What emulation of control registers works with. */
export interface ControlRegisterParts {
  readonly memory: MemoryManager;
  readonly upcalls: UpcallState;
}

/** Emulations of MOV from and to CR and of CLTS. [SDM2-MOV] */
export interface ControlRegisterEmulations {
  readonly read: Emulation;
  readonly write: Emulation;
  readonly clearTaskSwitched: Emulation;
}

const cr3Of = (vcpu: Vcpu): number => {
  const frame = vcpu.pageTableBase ?? 0;
  return vcpu.domain.width === "x86_64" ? frame * 0x1000 : xenPfnToCr3(frame);
};

const readRegister = (vcpu: Vcpu, index: number): number | null => {
  switch (index) {
    case 0:
      return vcpu.cr0;
    case 2:
      return vcpu.cr2;
    case 3:
      return cr3Of(vcpu);
    case 4:
      return vcpu.cr4;
    default:
      return null;
  }
};

/** Makes the emulations of control registers. CR0 changes only in TS, CR4 only in TSD and DE; CR3 loads a page-table base. */
export const createControlRegisterEmulations = ({
  memory,
  upcalls,
}: ControlRegisterParts): ControlRegisterEmulations => {
  const setFaultAddress = (vcpu: Vcpu, address: LinearAddress): void => {
    vcpu.cr2 = address;
    upcalls.setFaultAddress(vcpu, address);
  };

  const writeCr0 = (vcpu: Vcpu, value: number): number => {
    if (((value ^ GUEST_CR0) & ~CR0.ts) !== 0) return REFUSED;
    setTaskSwitched(vcpu, (value & CR0.ts) !== 0);
    return EMULATED.next;
  };

  const writeCr3 = (vcpu: Vcpu, value: number): number => {
    const frame = vcpu.domain.width === "x86_64" ? Math.floor(value / 0x1000) : xenCr3ToPfn(value);
    return memory.loadPageTableBase(vcpu, toMfn(frame)) === 0 ? EMULATED.next : REFUSED;
  };

  const writeCr4 = (vcpu: Vcpu, x86: X86Vcpu, value: number): number => {
    const fixed = guestCr4(vcpu.domain.width);
    vcpu.cr4 = fixed | (value & CHANGEABLE_CR4);
    x86.context.setControl(4, vcpu.cr4);
    return EMULATED.next;
  };

  return {
    read: kernelOnly((vcpu, x86, { system, register }) => {
      const value = readRegister(vcpu, system);
      if (value === null) return packFault(VECTOR.invalidOpcode, 0);
      writeGeneral(vcpu, x86, register, value);
      return EMULATED.next;
    }),
    write: kernelOnly((vcpu, x86, { system, register }) => {
      const value = readGeneral(vcpu, x86, register);
      switch (system) {
        case 0:
          return writeCr0(vcpu, value);
        case 2:
          setFaultAddress(vcpu, toLinearAddress(value));
          return EMULATED.next;
        case 3:
          return writeCr3(vcpu, value);
        case 4:
          return writeCr4(vcpu, x86, value);
        default:
          return packFault(VECTOR.invalidOpcode, 0);
      }
    }),
    clearTaskSwitched: kernelOnly((vcpu) => {
      setTaskSwitched(vcpu, false);
      return EMULATED.next;
    }),
  };
};
