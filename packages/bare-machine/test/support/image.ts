/** What a test image is made of. Code is loaded at 1 MiB. */
export interface ImageOptions {
  /** Bytes of code, as hexadecimal text; entry at its start. */
  readonly code: string;
  readonly multibootFlags?: number;
  /** Leaves the multiboot header out. */
  readonly plain?: boolean;
  readonly machine?: number;
  readonly wordBits?: 32 | 64;
  readonly loadAddress?: number;
  readonly memoryBytes?: number;
  /** Default: where the code is loaded. */
  readonly entry?: number;
}

const MIB = 0x10_0000;
const CODE_OFFSET = 0x1000;
const MAGIC = 0x1bad_b002;

/** Bytes written as hexadecimal text. */
export const fromHex = (text: string): Uint8Array =>
  Uint8Array.from(text.replaceAll(/\s/g, "").match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));

/** Makes a multiboot ELF file with one segment. */
export const makeImage = (options: ImageOptions): Uint8Array => {
  const code = fromHex(options.code);
  const loadAddress = options.loadAddress ?? MIB;
  const bytes = new Uint8Array(CODE_OFFSET + code.length);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, options.wordBits === 64 ? 2 : 1, 1, 1]);
  view.setUint16(16, 2, true);
  view.setUint16(18, options.machine ?? 3, true);
  view.setUint32(20, 1, true);
  const memoryBytes = options.memoryBytes ?? code.length;
  const entry = options.entry ?? loadAddress;
  if (options.wordBits === 64) {
    const wide = [CODE_OFFSET, loadAddress, loadAddress, code.length, memoryBytes, 0x1000];
    view.setBigUint64(24, BigInt(entry), true);
    view.setBigUint64(32, 64n, true);
    view.setUint16(54, 56, true);
    view.setUint16(56, 1, true);
    view.setUint32(64, 1, true);
    view.setUint32(68, 7, true);
    for (const [i, value] of wide.entries()) view.setBigUint64(72 + 8 * i, BigInt(value), true);
  } else {
    view.setUint32(24, entry, true);
    view.setUint32(28, 52, true);
    view.setUint16(42, 32, true);
    view.setUint16(44, 1, true);
    const narrow = [1, CODE_OFFSET, loadAddress, loadAddress, code.length, memoryBytes, 7, 0x1000];
    for (const [i, value] of narrow.entries()) view.setUint32(52 + 4 * i, value, true);
  }
  if (options.plain !== true) {
    const flags = options.multibootFlags ?? 3;
    view.setUint32(256, MAGIC, true);
    view.setUint32(260, flags, true);
    view.setUint32(264, -(MAGIC + flags), true);
  }
  bytes.set(code, CODE_OFFSET);
  return bytes;
};

/** `mov al, value; out 0xf4, al`. */
export const exitWith = (value: number): string => `b0${value.toString(16).padStart(2, "0")} e6f4`;
