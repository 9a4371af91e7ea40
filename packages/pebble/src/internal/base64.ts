const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/**
 * The bytes that a base64 text stands for. Written here because the package runs where neither
 * `Buffer` nor `atob` need exist.
 *
 * @throws RangeError if a character is not of the alphabet.
 */
export function decodeBase64(text: string): Uint8Array {
  const digits = text.replace(/=+$/, "");
  const bytes = new Uint8Array(Math.floor((digits.length * 3) / 4));
  let bits = 0;
  let bitCount = 0;
  let length = 0;
  for (const digit of digits) {
    const value = ALPHABET.indexOf(digit);
    if (value < 0) throw new RangeError(`not a base64 digit: ${JSON.stringify(digit)}`);
    bits = ((bits << 6) | value) & 0xffff; // at most 6 bits wait, and 6 come
    bitCount += 6;
    if (bitCount >= 8) {
      bitCount -= 8;
      bytes[length++] = bits >> bitCount;
    }
  }
  return bytes;
}
