/**
 * Payloads are strings that end in a zero byte, sometimes with raw bytes after them. Here a string holds one byte per
 * character (0 to 255), so that what a client sends comes back exactly.
 */

/** One byte per character. */
export const bytesToText = (bytes: Uint8Array): string => {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
};

/** Inverse of {@link bytesToText}; characters above 255 lose their high bits. */
export const textToBytes = (text: string): Uint8Array => {
  const bytes = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index++) bytes[index] = text.charCodeAt(index);
  return bytes;
};

/** Strings, each followed by a zero byte, and raw bytes after them. */
export const encodeStrings = (
  strings: readonly string[],
  rest: Uint8Array = new Uint8Array(0),
): Uint8Array => {
  const head = textToBytes(strings.map((text) => `${text}\0`).join(""));
  const bytes = new Uint8Array(head.length + rest.length);
  bytes.set(head);
  bytes.set(rest, head.length);
  return bytes;
};

/** All strings of a payload that end in a zero byte. What stands after the last zero byte is left out. */
export const decodeStrings = (payload: Uint8Array): string[] => bytesToText(payload).split("\0").slice(0, -1);

/** The first string and the bytes after its zero byte, or null when there is no zero byte. */
export const splitFirstString = (
  payload: Uint8Array,
): { readonly text: string; readonly rest: Uint8Array } | null => {
  const end = payload.indexOf(0);
  return end < 0 ? null : { text: bytesToText(payload.subarray(0, end)), rest: payload.subarray(end + 1) };
};
