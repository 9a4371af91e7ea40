import { AT, type AttackerWidth, CODE } from "./layout.ts";
import { PROGRAM_32 } from "./program-32.ts";
import { PROGRAM_64 } from "./program-64.ts";
import { jump } from "./program-parts.ts";

const NOP = 0x90;

/** The attacker's code, to be placed at {@link AT.code}. */
export const attackerCode = (width: AttackerWidth): Uint8Array => {
  const parts = width === "x86_64" ? PROGRAM_64 : PROGRAM_32;
  const bytes = new Uint8Array(CODE.bytes);
  const place = (at: number, code: readonly number[]): void => bytes.set(code, at - AT.code);
  const placeThenGo = (at: number, code: readonly number[], to: number): void =>
    place(at, [...code, ...jump(at + code.length, to)]);
  // What is left between hypercall and continuation is filled with NOPs.
  bytes.fill(NOP, 0, CODE.continuation - AT.code);
  place(CODE.loop, parts.loop);
  placeThenGo(CODE.continuation, parts.continuation, CODE.loop);
  placeThenGo(CODE.recover, parts.recover, CODE.continuation);
  place(CODE.event, parts.event);
  placeThenGo(CODE.park, parts.park, CODE.park);
  return bytes;
};
