import { FLAG, REGISTER, type VcpuContext } from "@xenolith/x86-architecture";
import type { Word64 } from "@xenolith/xen-abi";
import { frameRoom } from "./frame-words.ts";

/** What is saved of the code that was interrupted, apart from registers. */
export interface SavedState64 {
  readonly instructionPointer: Word64;
  /** With RPL 0 where the guest's kernel was interrupted. */
  readonly codeSelector: number;
  readonly flags: number;
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

/** RCX, R11, RIP, CS, RFLAGS, RSP, SS. */
const PLAIN_WORDS = 7;

/**
 * Encodes the frame of an exception or callback of a 64-bit guest, from the lowest address:
 *
 * `rcx r11 [ds es fs gs] [error code] rip cs|upcall mask << 32 rflags rsp ss`, each 8 bytes. Valid until the
 * next one is encoded. [XEN arch-x86/xen-x86_64.h]
 */
export const encodeFrame64 = (
  context: VcpuContext,
  saved: SavedState64,
  { dataSelectors, errorCode }: FrameParts64,
): Uint8Array => {
  const count = PLAIN_WORDS + (dataSelectors?.length ?? 0) + (errorCode === null ? 0 : 1);
  const { words, bytes } = frameRoom(2 * count);
  let at = 0;
  const put = (low: number, high = 0): void => {
    words[at] = low;
    words[at + 1] = high;
    at += 2;
  };
  const putRegister = (index: number): void => put(context.register(index), context.registerHigh(index));
  putRegister(REGISTER.rcx);
  putRegister(REGISTER.r11);
  for (const selector of dataSelectors ?? []) put(selector);
  if (errorCode !== null) put(errorCode);
  put(saved.instructionPointer.low, saved.instructionPointer.high);
  put(saved.codeSelector, saved.upcallMask ? 1 : 0);
  put((saved.flags & ~(FLAG.if | FLAG.iopl)) | (saved.upcallMask ? 0 : FLAG.if) | (saved.ioPrivilege << 12));
  putRegister(REGISTER.rsp);
  put(saved.stackSelector);
  return bytes;
};

/** Flags with which a handler starts: AC, TF, NT, RF and VM are cleared, the processor's IF stays set. */
export const handlerFlags64 = (flags: number): number =>
  ((flags & ~(FLAG.ac | FLAG.tf | FLAG.nt | FLAG.rf | FLAG.vm)) | FLAG.if) >>> 0;
