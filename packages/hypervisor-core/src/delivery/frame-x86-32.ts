import { FLAG } from "@xenolith/x86-architecture";
import { frameRoom } from "./frame-words.ts";

/** What is saved of the code that was interrupted. */
export interface SavedState32 {
  readonly instructionPointer: number;
  readonly codeSelector: number;
  readonly flags: number;
  readonly stackPointer: number;
  readonly stackSelector: number;
  /** evtchn_upcall_mask at the time: shown in the CS slot, and its opposite as EFLAGS.IF. */
  readonly upcallMask: boolean;
  /** IOPL to show: the virtual one with the assist architectural_iopl, else 0. */
  readonly ioPrivilege: number;
}

/** What the frame has besides the saved state. */
export interface FrameParts32 {
  /** Error code, or null where the vector has none. */
  readonly errorCode: number | null;
  /** ESP and SS are saved: the code ran in ring 3 (or 2). */
  readonly withStack: boolean;
  /** DS, ES, FS, GS, in that order, for the failsafe callback; null for all others. */
  readonly dataSelectors: readonly [number, number, number, number] | null;
}

/**
 * Encodes the frame of an exception or callback of a 32-bit guest, from the lowest address:
 *
 * `[ds es fs gs] [error code] eip cs|upcall mask << 16 eflags [esp ss]`, each 4 bytes. Valid until the next
 * one is encoded. [XEN arch-x86/xen-x86_32.h]
 */
export const encodeFrame32 = (saved: SavedState32, parts: FrameParts32): Uint8Array => {
  const flags =
    (saved.flags & ~(FLAG.if | FLAG.iopl)) | (saved.upcallMask ? 0 : FLAG.if) | (saved.ioPrivilege << 12);
  const { dataSelectors, errorCode, withStack } = parts;
  const { words, bytes } = frameRoom(
    (dataSelectors === null ? 3 : 7) + (errorCode === null ? 0 : 1) + (withStack ? 2 : 0),
  );
  let at = 0;
  if (dataSelectors !== null) for (const selector of dataSelectors) words[at++] = selector;
  if (errorCode !== null) words[at++] = errorCode;
  words[at++] = saved.instructionPointer;
  words[at++] = saved.codeSelector | (saved.upcallMask ? 1 << 16 : 0);
  words[at++] = flags;
  if (withStack) {
    words[at++] = saved.stackPointer;
    words[at++] = saved.stackSelector;
  }
  return bytes;
};

/** Flags with which a handler starts: TF, NT, RF and VM are cleared, the processor's IF stays set. [SDM3A-6.12.1.3] */
export const handlerFlags32 = (flags: number): number =>
  ((flags & ~(FLAG.tf | FLAG.nt | FLAG.rf | FLAG.vm)) | FLAG.if) >>> 0;
