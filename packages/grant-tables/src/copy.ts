import { type Mfn, PAGE_SIZE } from "@xenolith/machine-interface";
import { DOMID_SELF, type DomId } from "@xenolith/xen-abi";
import {
  GNTCOPY_dest_gref,
  GNTCOPY_source_gref,
  GNTST_bad_copy_arg,
  GNTST_bad_domain,
  GNTST_bad_page,
  GNTST_eagain,
  GNTST_general_error,
  GNTST_okay,
  GNTST_permission_denied,
  GTF_transitive,
  GTF_type_mask,
} from "@xenolith/xen-abi/grant-table";
import type { GrantContext } from "./grant-context.ts";
import type { GrantTable } from "./grant-table.ts";
import { dropFrame, holdFrame } from "./hold.ts";
import { checkPin, type PinRequest, pinEntry, pinKinds, unpinEntry } from "./pin.ts";
import type { CopyEnd, CopyRequest } from "./types.ts";

/** A page held for a copy: by a grant, or as the caller's own. */
export interface ClaimedPage {
  readonly frame: Mfn;
  readonly writable: boolean;
  /** Bytes that may be copied. */
  readonly start: number;
  readonly length: number;
  /** Whose grant it is; null for an own page. */
  readonly granter: GrantTable | null;
  readonly ref: number;
  /** The claim of the grant that this one passes on, or null. It shares the hold of the page. */
  readonly via: ClaimedPage | null;
}

/** What a grant is claimed for. */
export interface ClaimPurpose {
  readonly writable: boolean;
  /** For more than a copy: only whole pages of the granter's own will do. */
  readonly isMapping: boolean;
}

const claimOwn = (
  context: GrantContext,
  owner: DomId,
  frame: number,
  writable: boolean,
): ClaimedPage | number => {
  const status = holdFrame(context.host.frames, frame as Mfn, owner, writable);
  return status === GNTST_okay
    ? { frame: frame as Mfn, writable, start: 0, length: PAGE_SIZE, granter: null, ref: 0, via: null }
    : status;
};

/** Claims a page that the granter offers of its own. */
const claimOffered = (
  context: GrantContext,
  granter: GrantTable,
  ref: number,
  request: PinRequest,
): ClaimedPage | number => {
  const { writable, kinds } = request;
  const fresh = !granter.active.has(ref);
  const { status, entry } = pinEntry(context.entries, granter, ref, request);
  if (entry === null) return status;
  const { frame, start, length } = entry;
  const held = holdFrame(context.host.frames, frame, granter.id, writable);
  if (held === GNTST_okay) return { frame, writable, start, length, granter, ref, via: null };
  unpinEntry(context.entries, granter, ref, kinds);
  return fresh || held !== GNTST_bad_page ? held : GNTST_general_error;
};

/** Claims a page through a transitive grant: the granter's own right to a grant of a third domain, used on its behalf. */
const claimPassedOn = (
  context: GrantContext,
  granter: GrantTable,
  ref: number,
  request: PinRequest,
): ClaimedPage | number => {
  const target = context.entries.passedOn(granter, ref);
  const owner = target.domain === granter.id ? null : context.named(target.domain);
  if (owner === null) return GNTST_general_error;
  const via = claim(context, owner, target.ref, { ...request, user: granter.id }, false);
  if (typeof via === "number") return via;
  const { frame, start, length, writable } = via;
  const known = granter.active.get(ref);
  const isOther =
    known !== undefined &&
    (known.passedOn?.granter !== owner ||
      known.passedOn.ref !== target.ref ||
      known.frame !== frame ||
      known.start !== start ||
      known.length !== length);
  if (isOther) {
    releaseClaim(context, via);
    return GNTST_eagain;
  }
  const passedOn = { granter: owner, ref: target.ref };
  pinEntry(context.entries, granter, ref, request, { frame, start, length, isSubPage: true, passedOn });
  return { frame, writable, start, length, granter, ref, via };
};

const claim = (
  context: GrantContext,
  granter: GrantTable,
  ref: number,
  request: PinRequest,
  mayPassOn: boolean,
): ClaimedPage | number => {
  const status = checkPin(context.entries, granter, ref, request);
  if (status !== GNTST_okay) return status;
  const type = context.entries.flags(granter, ref) & GTF_type_mask;
  if (granter.version === 1 || type !== GTF_transitive) return claimOffered(context, granter, ref, request);
  return mayPassOn ? claimPassedOn(context, granter, ref, request) : GNTST_general_error;
};

/** Begins to use a grant for a copy or on behalf of a TypeScript kernel. @returns the page, or the status. */
export const claimGranted = (
  context: GrantContext,
  user: GrantTable,
  granter: GrantTable,
  ref: number,
  { writable, isMapping }: ClaimPurpose,
): ClaimedPage | number => {
  const request = { user: user.id, writable, isMapping, kinds: pinKinds(true, false, writable) };
  return claim(context, granter, ref, request, true);
};

/** Ends the uses behind a claim; what is passed on was used twice. */
const endUses = (context: GrantContext, { granter, ref, writable, via }: ClaimedPage): void => {
  if (granter !== null) unpinEntry(context.entries, granter, ref, pinKinds(true, false, writable));
  if (via !== null) endUses(context, via);
};

/** Ends what {@link claimGranted} began. */
export const releaseClaim = (context: GrantContext, claimed: ClaimedPage): void => {
  dropFrame(context.host.frames, claimed.frame, claimed.writable);
  endUses(context, claimed);
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
    ? claimGranted(context, caller, owner, end.ref, { writable, isMapping: false })
    : claimOwn(context, owner.id, end.gmfn, writable);

/** Whether a claim covers a range of its page. */
export const covers = ({ start, length }: ClaimedPage, offset: number, len: number): boolean =>
  offset >= start && offset + len <= start + length;

const copyBytes = (
  context: GrantContext,
  source: ClaimedPage,
  dest: ClaimedPage,
  request: CopyRequest,
): number => {
  const { source: from, dest: to, len } = request;
  if (from.offset + len > PAGE_SIZE || to.offset + len > PAGE_SIZE) return GNTST_bad_copy_arg;
  if (!covers(source, from.offset, len) || !covers(dest, to.offset, len)) return GNTST_general_error;
  const { memory } = context.host;
  const start = source.frame * PAGE_SIZE + from.offset;
  memory.bytes.copyWithin(dest.frame * PAGE_SIZE + to.offset, start, start + len);
  memory.written(dest.frame, to.offset, len);
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
  const status = typeof dest === "number" ? dest : copyBytes(context, source, dest, request);
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
