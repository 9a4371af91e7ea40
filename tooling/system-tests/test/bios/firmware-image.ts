const bytesOf = (hex: string): Uint8Array =>
  Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

/** JMP 0xf000:0xf000, at the reset vector. */
const RESET = "ea00f000f0";
const RESET_OFFSET = 0xff0;
const FRAME_BYTES = 4096;

/** A frame of firmware with code, in hexadecimal lines, at its start. Free space is all ones. */
export const firmwareImage = (code: string): Uint8Array => {
  const image = new Uint8Array(FRAME_BYTES).fill(0xff);
  image.set(bytesOf(code.replaceAll("\n", "")));
  image.set(bytesOf(RESET), RESET_OFFSET);
  return image;
};
