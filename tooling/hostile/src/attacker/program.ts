import { AT, type AttackerWidth, CODE } from "./layout.ts";
import { PROGRAM_32 } from "./program-32.ts";
import { PROGRAM_64 } from "./program-64.ts";

const NOP = 0x90;

/** The attacker's code, to be placed at {@link AT.code}. */
export const attackerCode = (width: AttackerWidth): Uint8Array => {
  const parts = width === "x86_64" ? PROGRAM_64 : PROGRAM_32;
  const bytes = new Uint8Array(CODE.bytes);
  const place = (at: number, code: readonly number[]): void => bytes.set(code, at - AT.code);
  // What is left between hypercall and continuation is filled with NOPs.
  bytes.fill(NOP, 0, CODE.continuation - AT.code);
  place(CODE.loop, parts.loop);
  place(CODE.continuation, parts.continuation);
  place(CODE.recover, parts.recover);
  place(CODE.event, parts.event);
  place(CODE.park, parts.park);
  return bytes;
};
