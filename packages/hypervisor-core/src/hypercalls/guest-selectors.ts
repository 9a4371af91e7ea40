import { type LinearAddress, toLinearAddress } from "@xenolith/machine-interface";
import { isCanonical } from "@xenolith/x86-architecture";
import type { GuestWidth } from "@xenolith/xen-abi";
import { FLAT_SELECTORS } from "@xenolith/xen-abi/arch-x86";
import { kernelRing } from "../rings.ts";

const raised = (width: GuestWidth, selector: number): number =>
  (selector & 3) >= kernelRing(width) ? selector & 0xffff : (selector & 0xfffc) | kernelRing(width);

/** A code selector for the kernel as the monitor keeps it: one that names a more privileged ring is raised to the kernel's. */
export const fixCodeSelector = (width: GuestWidth, selector: number): number =>
  width === "x86_64" ? FLAT_SELECTORS.x86_64.kernelCs : raised(width, selector);

/** A stack selector for the kernel, raised likewise. */
export const fixStackSelector = (width: GuestWidth, selector: number): number => raised(width, selector);

/** Whether an address may be an entry point: canonical on x86_64, anything on 32-bit widths. */
export const isEntryAddress = (width: GuestWidth, address: number): boolean =>
  width !== "x86_64" || isCanonical(address);

/** An entry point's address, 32 bits unsigned on 32-bit widths. */
export const entryAddress = (width: GuestWidth, address: number): LinearAddress =>
  toLinearAddress(width === "x86_64" ? address : address >>> 0);
