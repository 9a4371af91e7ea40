import { type Mfn, PAGE_SIZE } from "@xenolith/machine-interface";
import { DOMID_SELF, type DomId } from "@xenolith/xen-abi";
import {
  GNTCOPY_dest_gref,
  GNTCOPY_source_gref,
  GNTST_bad_copy_arg,
  GNTST_bad_domain,
  GNTST_bad_page,
  GNTST_general_error,
  GNTST_okay,
  GNTST_permission_denied,
} from "@xenolith/xen-abi/grant-table";
import type { GrantContext } from "./grant-context.ts";
import type { GrantTable } from "./grant-table.ts";
import { dropFrame, holdFrame } from "./hold.ts";
import { pinEntry, pinKinds, unpinEntry } from "./pin.ts";
import type { CopyEnd, CopyRequest } from "./types.ts";

/** A page held for a copy: by a grant, or as the caller's own. */
export interface ClaimedPage {
  readonly frame: Mfn;
  readonly writable: boolean;
  /** Whose grant it is; null for an own page. */
  readonly granter: GrantTable | null;
  readonly ref: number;
}

const claimOwn = (
  context: GrantContext,
  owner: DomId,
  frame: number,
  writable: boolean,
): ClaimedPage | number => {
  const status = holdFrame(context.host.frames, frame as Mfn, owner, writable);
  return status === GNTST_okay ? { frame: frame as Mfn, writable, granter: null, ref: 0 } : status;
};

/** Begins to use a grant for a copy. @returns the page, or the status. */
export const claimGranted = (
  context: GrantContext,
  user: GrantTable,
  granter: GrantTable,
  ref: number,
  writable: boolean,
): ClaimedPage | number => {
  const fresh = !granter.active.has(ref);
  const kinds = pinKinds(true, false, writable);
  const { status, entry } = pinEntry(context.entries, granter, ref, user.id, writable, kinds);
  if (entry === null) return status;
  const held = holdFrame(context.host.frames, entry.frame, granter.id, writable);
  if (held === GNTST_okay) return { frame: entry.frame, writable, granter, ref };
  unpinEntry(context.entries, granter, ref, kinds);
  return fresh || held !== GNTST_bad_page ? held : GNTST_general_error;
};

/** Ends what {@link claimGranted} began. */
export const releaseClaim = (context: GrantContext, claim: ClaimedPage): void => {
  dropFrame(context.host.frames, claim.frame, claim.writable);
  if (claim.granter === null) return;
  unpinEntry(context.entries, claim.granter, claim.ref, pinKinds(true, false, claim.writable));
};

/** The domain an end names. Only frames of the caller's own may be named by frame. */
const endOwner = (
  context: GrantContext,
  caller: GrantTable,
  end: CopyEnd,
  granted: boolean,
): GrantTable | number => {
  if (end.domid !== DOMID_SELF && !granted) return GNTST_permission_denied;
  return context.find(caller, end.domid) ?? GNTST_bad_domain;
};

const claimEnd = (
  context: GrantContext,
  caller: GrantTable,
  owner: GrantTable,
  end: CopyEnd,
  granted: boolean,
  writable: boolean,
): ClaimedPage | number =>
  granted
    ? claimGranted(context, caller, owner, end.ref, writable)
    : claimOwn(context, owner.id, end.gmfn, writable);

const copyBytes = (context: GrantContext, source: Mfn, dest: Mfn, request: CopyRequest): number => {
  const { source: from, dest: to, len } = request;
  if (from.offset + len > PAGE_SIZE || to.offset + len > PAGE_SIZE) return GNTST_bad_copy_arg;
  const { memory } = context.host;
  const start = source * PAGE_SIZE + from.offset;
  memory.bytes.copyWithin(dest * PAGE_SIZE + to.offset, start, start + len);
  memory.written(dest, to.offset, len);
  return GNTST_okay;
};

const copyClaimed = (
  context: GrantContext,
  caller: GrantTable,
  sourceOwner: GrantTable,
  destOwner: GrantTable,
  request: CopyRequest,
): number => {
  const fromGrant = (request.flags & GNTCOPY_source_gref) !== 0;
  const toGrant = (request.flags & GNTCOPY_dest_gref) !== 0;
  const source = claimEnd(context, caller, sourceOwner, request.source, fromGrant, false);
  if (typeof source === "number") return source;
  const dest = claimEnd(context, caller, destOwner, request.dest, toGrant, true);
  const status = typeof dest === "number" ? dest : copyBytes(context, source.frame, dest.frame, request);
  if (typeof dest !== "number") releaseClaim(context, dest);
  releaseClaim(context, source);
  return status;
};

/** GNTTABOP_copy. Nothing is looked at when there is nothing to copy. */
export const copyGrant = (context: GrantContext, caller: GrantTable, request: CopyRequest): number => {
  if (request.len === 0) return GNTST_okay;
  const source = endOwner(context, caller, request.source, (request.flags & GNTCOPY_source_gref) !== 0);
  if (typeof source === "number") return source;
  const dest = endOwner(context, caller, request.dest, (request.flags & GNTCOPY_dest_gref) !== 0);
  if (typeof dest === "number") return dest;
  const status = copyClaimed(context, caller, source, dest, request);
  context.traceCopy(caller.id, request.len, status);
  return status;
};
