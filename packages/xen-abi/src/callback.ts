import { address, padded, u16 } from "./fields.ts";
import { type Struct, struct } from "./struct.ts";

/** Sub-operations of callback_op. [XEN callback.h] */
export const CALLBACKOP_register = 0;
export const CALLBACKOP_unregister = 1;

/** Types of callback. */
export const CALLBACKTYPE_event = 0;
export const CALLBACKTYPE_failsafe = 1;
export const CALLBACKTYPE_syscall = 2;
export const CALLBACKTYPE_sysenter_deprecated = 3;
export const CALLBACKTYPE_nmi = 4;
export const CALLBACKTYPE_sysenter = 5;
export const CALLBACKTYPE_syscall32 = 7;

/** Flag: events are masked when the callback is entered. */
export const CALLBACKF_mask_events = 1;

/** `struct callback_register` of x86_32 guests: type @0, flags @2, cs @4, eip @8; 12 bytes. */
export interface CallbackRegister32 {
  readonly type: number;
  readonly flags: number;
  /** Code selector, in the low 16 bits. */
  readonly cs: number;
  readonly eip: number;
}
/** Layout and codec of {@link CallbackRegister32}; for `x86_32` and `x86_32p` only. */
export const CALLBACK_REGISTER_32: Struct<CallbackRegister32> = struct<CallbackRegister32>({
  type: u16,
  flags: u16,
  cs: address,
  eip: address,
});

/** `struct callback_register` of x86_64 guests: type @0, flags @2, address @8; 16 bytes. */
export interface CallbackRegister64 {
  readonly type: number;
  readonly flags: number;
  readonly address: number;
}
/** Layout and codec of {@link CallbackRegister64}; for `x86_64` only. */
export const CALLBACK_REGISTER_64: Struct<CallbackRegister64> = struct<CallbackRegister64>({
  type: u16,
  flags: u16,
  address,
});

/** `struct callback_unregister`: type @0; 4 bytes. */
export interface CallbackUnregister {
  readonly type: number;
}
/** Layout and codec of {@link CallbackUnregister}. */
export const CALLBACK_UNREGISTER: Struct<CallbackUnregister> = struct<CallbackUnregister>({
  type: padded(u16, 4),
});
