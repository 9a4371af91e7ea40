import { PEBBLE_X86_32_BASE64, PEBBLE_X86_32P_BASE64, PEBBLE_X86_64_BASE64 } from "./image.generated.ts";
import { decodeBase64 } from "./internal/base64.ts";

/** Which of Xen's three guest ABIs an image is for: 32 bits with two levels of page tables or with PAE, or 64 bits. */
export type PebbleWidth = "x86_32" | "x86_32p" | "x86_64";

const IMAGES: Record<PebbleWidth, string> = {
  x86_32: PEBBLE_X86_32_BASE64,
  x86_32p: PEBBLE_X86_32P_BASE64,
  x86_64: PEBBLE_X86_64_BASE64,
};

/**
 * Pebble's kernel: an ELF file with Xen's notes, as the domain builder takes it. What can be put
 * on its command line is in the README.
 *
 * **Ownership**: a fresh copy each time; the caller may change it.
 */
export function pebbleImage(width: PebbleWidth = "x86_32p"): Uint8Array {
  return decodeBase64(IMAGES[width]);
}
