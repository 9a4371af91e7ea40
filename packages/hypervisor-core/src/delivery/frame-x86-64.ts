import { FLAG } from "@xenolith/x86-architecture";

/** What is saved of the code that was interrupted. */
export interface SavedState64 {
  readonly rcx: bigint;
  readonly r11: bigint;
  readonly instructionPointer: bigint;
  /** With RPL 0 where the guest's kernel was interrupted. */
  readonly codeSelector: number;
  readonly flags: number;
  readonly stackPointer: bigint;
  readonly stackSelector: number;
  /** evtchn_upcall_mask at the time: shown above the selector in the CS slot, and its opposite as RFLAGS.IF. */
  readonly upcallMask: boolean;
  /** IOPL to show: the virtual one with the assist architectural_iopl, else 0. */
  readonly ioPrivilege: number;
}

/** What the frame has besides the saved state. */
export interface FrameParts64 {
  /** Error code, or null where the vector has none. */
  readonly errorCode: number | null;
  /** DS, ES, FS, GS, in that order, for the failsafe callback; null for all others. */
  readonly dataSelectors: readonly number[] | null;
}

const UPCALL_MASK_IN_CS = 1n << 32n;

/**
 * Encodes the frame of an exception or callback of a 64-bit guest, from the lowest address:
 *
 * `rcx r11 [ds es fs gs] [error code] rip cs|upcall mask << 32 rflags rsp ss`, each 8 bytes. [XEN arch-x86/xen-x86_64.h]
 */
export const encodeFrame64 = (saved: SavedState64, parts: FrameParts64): Uint8Array => {
  const flags =
    (saved.flags & ~(FLAG.if | FLAG.iopl)) | (saved.upcallMask ? 0 : FLAG.if) | (saved.ioPrivilege << 12);
  const words = [
    saved.rcx,
    saved.r11,
    ...(parts.dataSelectors ?? []).map(BigInt),
    ...(parts.errorCode === null ? [] : [BigInt(parts.errorCode)]),
    saved.instructionPointer,
    BigInt(saved.codeSelector) | (saved.upcallMask ? UPCALL_MASK_IN_CS : 0n),
    BigInt(flags >>> 0),
    saved.stackPointer,
    BigInt(saved.stackSelector),
  ];
  return new Uint8Array(BigUint64Array.from(words).buffer);
};

/** Flags with which a handler starts: AC, TF, NT, RF and VM are cleared, the processor's IF stays set. */
export const handlerFlags64 = (flags: number): number =>
  ((flags & ~(FLAG.ac | FLAG.tf | FLAG.nt | FLAG.rf | FLAG.vm)) | FLAG.if) >>> 0;
