import { PEBBLE_X86_32P_BASE64 } from "./image.generated.ts";
import { decodeBase64 } from "./internal/base64.ts";

/** Which of Xen's three guest ABIs an image is for. Pebble has one so far: 32 bits with PAE. */
export type PebbleWidth = "x86_32p";

const IMAGES: Record<PebbleWidth, string> = { x86_32p: PEBBLE_X86_32P_BASE64 };

/**
 * Pebble's kernel: an ELF file with Xen's notes, as the domain builder takes it. What can be put
 * on its command line is in the README.
 *
 * **Ownership**: a fresh copy each time; the caller may change it.
 */
export function pebbleImage(width: PebbleWidth = "x86_32p"): Uint8Array {
  return decodeBase64(IMAGES[width]);
}
