import type { Mfn } from "@xenolith/machine-interface";
import type { DomId } from "@xenolith/xen-abi";
import { GNTST_bad_page, GNTST_general_error, GNTST_okay } from "@xenolith/xen-abi/grant-table";
import type { GrantFrames } from "./types.ts";

/**
 * Holds a frame of a domain, for writing or not.
 * @returns GNTST_bad_page when it is not the domain's; GNTST_general_error when it cannot be written.
 */
export const holdFrame = (frames: GrantFrames, frame: Mfn, owner: DomId, writable: boolean): number => {
  if (writable && frames.getWritablePage(frame, owner)) return GNTST_okay;
  if (!frames.getPage(frame, owner)) return GNTST_bad_page;
  if (!writable) return GNTST_okay;
  frames.putPage(frame);
  return GNTST_general_error;
};

/** Gives back what {@link holdFrame} got. */
export const dropFrame = (frames: GrantFrames, frame: Mfn, writable: boolean): void => {
  if (writable) frames.putWritablePage(frame);
  else frames.putPage(frame);
};
