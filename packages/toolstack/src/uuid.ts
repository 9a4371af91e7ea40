import type { EntropySource } from "@xenolith/machine-interface";

/** Draws a random UUID (version 4) as 16 bytes. */
export const drawUuid = (entropy: EntropySource): Uint8Array => {
  const bytes = Uint8Array.from({ length: 16 }, () => entropy.below(256));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes;
};

/** A UUID in its usual form: groups of 8, 4, 4, 4 and 12 hexadecimal digits. */
export const formatUuid = (bytes: Uint8Array): string => {
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
};
