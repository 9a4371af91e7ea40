import type { LinearAddress, OverlayMapping } from "@xenolith/machine-interface";
import type { PageRights } from "./permission.ts";

/** A page that an overlay maps. */
export interface OverlayPage extends PageRights {
  readonly frame: number;
}

/** Finds the overlay page at a linear address, or null. */
export const findOverlayPage = (
  overlays: readonly OverlayMapping[],
  at: LinearAddress | number,
): OverlayPage | null => {
  for (const { start, frames, writable, user, executable = false } of overlays) {
    const page = Math.floor((at - start) / 4096);
    if (page < 0 || page >= frames.length) continue;
    const frame = frames[page];
    if (frame !== undefined) return { frame, writable, user, noExecute: !executable };
  }
  return null;
};
