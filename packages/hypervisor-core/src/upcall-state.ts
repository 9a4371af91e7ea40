import {
  type LinearAddress,
  type MachineAddress,
  type MachineMemory,
  PAGE_SHIFT,
  PAGE_SIZE,
  toMachineAddress,
  toMfn,
} from "@xenolith/machine-interface";
import { VCPU_INFO } from "@xenolith/xen-abi/shared-info";
import type { Vcpu } from "./vcpu.ts";

/**
 * The event part of vcpu_info: memory that the guest writes too, so each field is read once where it decides something.
 * [XEN xen.h]
 */
export interface UpcallState {
  /** evtchn_upcall_pending is set and evtchn_upcall_mask is not: the guest is to be called. */
  isDeliverable(vcpu: Vcpu): boolean;
  isPending(vcpu: Vcpu): boolean;
  setPending(vcpu: Vcpu): void;
  clearPending(vcpu: Vcpu): void;
  isMasked(vcpu: Vcpu): boolean;
  setMasked(vcpu: Vcpu, masked: boolean): void;
  /** Where evtchn_upcall_pending and evtchn_upcall_mask of a VCPU are in machine memory: a byte each. */
  pendingAddress(vcpu: Vcpu): MachineAddress;
  maskAddress(vcpu: Vcpu): MachineAddress;
  /** Where {@link setFaultAddress} leaves it: 8 bytes of 64-bit guests, 4 of others. */
  faultPlace(vcpu: Vcpu): MachineAddress;
  /** Address of the last page fault, where the guest's handler looks for it. */
  setFaultAddress(vcpu: Vcpu, address: LinearAddress): void;
}

/** The two bytes lie at the same place in every width. */
const { evtchnUpcallPending: PENDING, evtchnUpcallMask: MASK, cr2: CR2_64 } = VCPU_INFO.layout.x86_64;
const { cr2: CR2_32 } = VCPU_INFO.layout.x86_32;

/** Makes the accessor over a machine's memory. */
export const createUpcallState = (memory: MachineMemory): UpcallState => {
  const { view } = memory;

  const announce = (at: MachineAddress, lengthBytes: number): void =>
    memory.written(toMfn(at >>> PAGE_SHIFT), at & (PAGE_SIZE - 1), lengthBytes);

  const place = (vcpu: Vcpu, offset: number): MachineAddress => toMachineAddress(vcpu.infoAddress + offset);

  const faultPlace = (vcpu: Vcpu): MachineAddress =>
    place(vcpu, vcpu.domain.width === "x86_64" ? CR2_64 : CR2_32);

  const setByte = (at: MachineAddress, value: number): void => {
    if (view.getUint8(at) === value) return;
    view.setUint8(at, value);
    announce(at, 1);
  };

  const isPending = (vcpu: Vcpu): boolean => view.getUint8(vcpu.infoAddress + PENDING) !== 0;
  const isMasked = (vcpu: Vcpu): boolean => view.getUint8(vcpu.infoAddress + MASK) !== 0;

  return {
    isPending,
    isMasked,
    pendingAddress: (vcpu) => place(vcpu, PENDING),
    maskAddress: (vcpu) => place(vcpu, MASK),
    faultPlace,
    isDeliverable: (vcpu) => isPending(vcpu) && !isMasked(vcpu),
    setPending: (vcpu) => setByte(place(vcpu, PENDING), 1),
    clearPending: (vcpu) => setByte(place(vcpu, PENDING), 0),
    setMasked: (vcpu, masked) => setByte(place(vcpu, MASK), masked ? 1 : 0),
    setFaultAddress(vcpu, address) {
      const at = faultPlace(vcpu);
      if (vcpu.domain.width === "x86_64") {
        view.setUint32(at, address, true);
        view.setInt32(at + 4, Math.floor(address / 0x1_0000_0000), true);
        announce(at, 8);
      } else {
        view.setUint32(at, address, true);
        announce(at, 4);
      }
    },
  };
};
