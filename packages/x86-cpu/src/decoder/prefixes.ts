import { SEGMENT } from "@xenolith/x86-architecture";
import type { Encoding } from "./encoding.ts";

/** What a byte is before an opcode. */
const KIND = { opcode: 0, prefix: 1, rex: 2 } as const;

const kinds = new Uint8Array(256);
for (const byte of [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3])
  kinds[byte] = KIND.prefix;
kinds.fill(KIND.rex, 0x40, 0x50);

const SEGMENT_PREFIX: ReadonlyMap<number, number> = new Map([
  [0x26, SEGMENT.es],
  [0x2e, SEGMENT.cs],
  [0x36, SEGMENT.ss],
  [0x3e, SEGMENT.ds],
  [0x64, SEGMENT.fs],
  [0x65, SEGMENT.gs],
]);

/** Takes all prefixes. A REX prefix counts only right before the opcode. [SDM2A-2.2.1] */
export const readPrefixes = (encoding: Encoding): void => {
  const { reader } = encoding;
  const isWide = encoding.code === 8;
  while (!reader.isExhausted) {
    const byte = reader.peek();
    const kind = kinds[byte];
    if (kind === KIND.opcode || (kind === KIND.rex && !isWide)) return;
    reader.u8();
    if (kind === KIND.prefix) notePrefix(encoding, byte);
    else if (kinds[reader.peek()] === KIND.opcode) encoding.rex = byte;
  }
};

const notePrefix = (encoding: Encoding, byte: number): void => {
  if (byte === 0xf0) encoding.lock = true;
  else if (byte === 0xf2 || byte === 0xf3) encoding.repeat = byte;
  else if (byte === 0x66) encoding.hasOperandSize = true;
  else if (byte === 0x67) encoding.hasAddressSize = true;
  else if (encoding.code !== 8 || byte >= 0x64) encoding.segment = SEGMENT_PREFIX.get(byte) ?? -1;
};
