import { VECTOR } from "@xenolith/x86-architecture";
import { EINVAL, ENOSYS } from "@xenolith/xen-abi";
import { FLAT_SELECTORS } from "@xenolith/xen-abi/arch-x86";
import {
  CALLBACKF_mask_events,
  CALLBACKTYPE_event,
  CALLBACKTYPE_failsafe,
  CALLBACKTYPE_nmi,
  CALLBACKTYPE_syscall,
  CALLBACKTYPE_syscall32,
  CALLBACKTYPE_sysenter,
} from "@xenolith/xen-abi/callback";
import type { Callbacks, Vcpu } from "../vcpu.ts";
import { entryAddress, fixCodeSelector, isEntryAddress } from "./guest-selectors.ts";

/** A callback as a guest registers it. */
export interface CallbackRequest {
  /** CALLBACKTYPE_* */
  readonly type: number;
  /** CALLBACKF_* */
  readonly flags: number;
  readonly codeSelector: number;
  readonly address: number;
}

const NAMES: Readonly<Record<number, keyof Callbacks>> = {
  [CALLBACKTYPE_event]: "event",
  [CALLBACKTYPE_failsafe]: "failsafe",
  [CALLBACKTYPE_syscall]: "syscall",
  [CALLBACKTYPE_sysenter]: "sysenter",
  [CALLBACKTYPE_syscall32]: "syscall32",
};

/** Name of a callback that guests of this VCPU's width have; null for others. */
const nameOf = (vcpu: Vcpu, type: number): keyof Callbacks | null => {
  const name = NAMES[type] ?? null;
  return name === "syscall" && vcpu.domain.width !== "x86_64" ? null : name;
};

/** An NMI enters through the trap gate of its vector, with events masked. */
const registerNmi = (vcpu: Vcpu, address: number): number => {
  const { width } = vcpu.domain;
  if (!isEntryAddress(width, address)) return -EINVAL;
  vcpu.traps.set(VECTOR.nmi, {
    codeSelector: FLAT_SELECTORS[width].kernelCs,
    address: entryAddress(width, address),
    masksEvents: true,
    privilegeLevel: 0,
  });
  return 0;
};

/** Registers a callback. @returns 0, -EINVAL, or -ENOSYS for a type that is not known. [XEN callback.h] */
export const registerCallback = (vcpu: Vcpu, request: CallbackRequest): number => {
  const { width } = vcpu.domain;
  if (request.type === CALLBACKTYPE_nmi) return registerNmi(vcpu, request.address);
  const name = nameOf(vcpu, request.type);
  if (name === null) return -ENOSYS;
  if (!isEntryAddress(width, request.address)) return -EINVAL;
  vcpu.callbacks[name] = {
    codeSelector: fixCodeSelector(width, request.codeSelector),
    address: entryAddress(width, request.address),
    masksEvents: name === "event" || (request.flags & CALLBACKF_mask_events) !== 0,
  };
  return 0;
};

/** Takes a callback back: only that of NMIs may be. */
export const unregisterCallback = (vcpu: Vcpu, type: number): number => {
  if (type !== CALLBACKTYPE_nmi) return nameOf(vcpu, type) === null ? -ENOSYS : -EINVAL;
  vcpu.traps.set(VECTOR.nmi, null);
  return 0;
};
