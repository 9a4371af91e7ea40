/**
 * The three widths of guest that Xen's PV ABI has had: 32-bit with two-level page tables (as in 2003), 32-bit with PAE, and
 * 64-bit. Structures of the two 32-bit widths are alike.
 */
export type GuestWidth = "x86_32" | "x86_32p" | "x86_64";

/** Bytes of `unsigned long` and of pointers in a guest of this width. */
export const longBytes = (width: GuestWidth): 4 | 8 => (width === "x86_64" ? 8 : 4);
