import type { MappedPages } from "@xenolith/domain-interface";
import type { DomId, GrantRef } from "@xenolith/xen-abi";
import { GNTST_bad_domain, GNTST_no_space } from "@xenolith/xen-abi/grant-table";
import { type ClaimedPage, claimGranted, releaseClaim } from "./copy.ts";
import type { GrantContext } from "./grant-context.ts";
import type { GrantTable } from "./grant-table.ts";
import { dropFrame } from "./hold.ts";
import { createMappedFrames } from "./mapped-frames.ts";
import { endMapping } from "./unmap.ts";

/**
 * Maps grants for a kernel that is no machine code. Each reference takes a handle of the caller's, as a mapping by
 * hypercall does, so that limits and the caller's end are the same for both.
 */
export const mapPages = (
  context: GrantContext,
  caller: GrantTable,
  granterId: DomId,
  refs: readonly GrantRef[],
  writable: boolean,
): MappedPages | number => {
  const granter = context.named(granterId);
  if (granter === null) return GNTST_bad_domain;
  if (caller.mapTrack.room() < refs.length) return GNTST_no_space;

  const claims: ClaimedPage[] = [];
  for (const ref of refs) {
    const claim = claimGranted(context, caller, granter, ref, { writable, isMapping: true });
    context.traceMap(caller.id, granterId, ref, typeof claim === "number" ? claim : 0);
    if (typeof claim === "number") {
      for (const claimed of claims) releaseClaim(context, claimed);
      return claim;
    }
    claims.push(claim);
  }

  const mapped = createMappedFrames({
    memory: context.host.memory,
    frames: claims.map(({ frame }) => frame),
    writable,
    onRelease: () => {
      for (const mapping of mappings) {
        dropFrame(context.host.frames, mapping.frame, mapping.writable);
        endMapping(context, caller, mapping, true, false);
        context.traceUnmap(caller.id, granterId, mapping.ref, 0);
      }
    },
  });
  const mappings = claims.map(({ frame, ref }) =>
    caller.mapTrack.add({
      granter,
      ref,
      frame,
      writable,
      containsPte: false,
      host: true,
      device: false,
      pages: mapped,
    }),
  );
  return mapped;
};
