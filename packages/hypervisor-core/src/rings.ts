import type { GuestWidth } from "@xenolith/xen-abi";

/** Ring of user mode in every width. */
export const USER_RING = 3;

/** Ring that a guest's kernel runs in: 1 on 32-bit widths; on x86_64, where only pages protect it, 3. [SOSP03 3.1] */
export const kernelRing = (width: GuestWidth): 1 | 3 => (width === "x86_64" ? 3 : 1);
