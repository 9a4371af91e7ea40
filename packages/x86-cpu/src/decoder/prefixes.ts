import { SEGMENT } from "@xenolith/x86-architecture";
import type { ByteReader } from "./byte-reader.ts";

/** Prefixes of an instruction. [SDM2A-2.1.1] */
export interface Prefixes {
  lock: boolean;
  /** 0xf3, 0xf2 (the last one given), or 0. */
  repeat: number;
  /** Segment override, or -1. In 64-bit code only FS and GS count. */
  segment: number;
  operandSize: boolean;
  addressSize: boolean;
  /** Low four bits of a REX prefix and bit 6 when there is one, or 0. */
  rex: number;
}

const SEGMENT_PREFIX: ReadonlyMap<number, number> = new Map([
  [0x26, SEGMENT.es],
  [0x2e, SEGMENT.cs],
  [0x36, SEGMENT.ss],
  [0x3e, SEGMENT.ds],
  [0x64, SEGMENT.fs],
  [0x65, SEGMENT.gs],
]);

/** Takes all prefixes. A REX prefix counts only right before the opcode. */
export const readPrefixes = (reader: ByteReader, code: number): Prefixes => {
  const prefixes = { lock: false, repeat: 0, segment: -1, operandSize: false, addressSize: false, rex: 0 };
  while (!reader.isExhausted) {
    const byte = reader.peek();
    if (code === 8 && (byte & 0xf0) === 0x40) {
      reader.u8();
      const next = reader.peek();
      if (!isPrefix(next, code)) {
        prefixes.rex = byte;
        return prefixes;
      }
      continue;
    }
    if (!isPrefix(byte, code)) return prefixes;
    reader.u8();
    if (byte === 0xf0) prefixes.lock = true;
    else if (byte === 0xf2 || byte === 0xf3) prefixes.repeat = byte;
    else if (byte === 0x66) prefixes.operandSize = true;
    else if (byte === 0x67) prefixes.addressSize = true;
    else if (code !== 8 || byte >= 0x64) prefixes.segment = SEGMENT_PREFIX.get(byte) ?? -1;
  }
  return prefixes;
};

const isPrefix = (byte: number, code: number): boolean =>
  byte === 0xf0 ||
  byte === 0xf2 ||
  byte === 0xf3 ||
  (byte >= 0x64 && byte <= 0x67) ||
  (byte & 0xe7) === 0x26 ||
  (code === 8 && (byte & 0xf0) === 0x40);
