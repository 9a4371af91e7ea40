import { ENOMEM, type GrantRef } from "@xenolith/xen-abi";
import { flushCache } from "./cache-flush.ts";
import { copyGrant } from "./copy.ts";
import { createGrantContext, type GrantContext } from "./grant-context.ts";
import { copyBuffer } from "./kernel-copy.ts";
import { mapPages } from "./kernel-mapping.ts";
import { mapGrantRef } from "./map.ts";
import { offerPage, seedGrant, withdrawOffer } from "./offers.ts";
import { swapGrantRef } from "./swap.ts";
import { getStatusFrames, querySize, setupTable } from "./table-size.ts";
import { transferPage } from "./transfer.ts";
import type { GrantHost, GrantTableOptions, GrantTables, GrantUse } from "./types.ts";
import { releaseAllMappings, unmapAndReplace, unmapGrantRef } from "./unmap.ts";
import { getVersion, setVersion } from "./version.ts";

const usesOf = ({ tables }: GrantContext): GrantUse[] =>
  [...tables.values()].flatMap((table) =>
    [...table.active].map(([ref, { user, frame, hostReads, hostWrites, deviceReads, deviceWrites }]) => ({
      granter: table.id,
      ref: ref as GrantRef,
      user,
      frame,
      hostReads,
      hostWrites,
      deviceReads,
      deviceWrites,
    })),
  );

/** Makes the grant tables of a hypervisor. */
export const createGrantTables = (host: GrantHost, options: GrantTableOptions = {}): GrantTables => {
  const context = createGrantContext(host, options);
  const { known } = context;
  return {
    addDomain: (domain, domainOptions) => (context.add(domain, domainOptions) === null ? -ENOMEM : 0),
    releaseMappings: (domain) => {
      const dying = known(domain);
      dying.dying = true;
      releaseAllMappings(context, dying);
    },
    removeDomain: (domain) => {
      const dying = known(domain);
      dying.dying = true;
      releaseAllMappings(context, dying);
      dying.gone = true;
      for (const frame of [...dying.frames, ...dying.statusFrames]) host.frames.releaseShared(frame);
      dying.frames = [];
      dying.statusFrames = [];
      context.remove(domain);
    },
    mapGrantRef: (caller, request) => mapGrantRef(context, known(caller), request),
    unmapGrantRef: (caller, request) => unmapGrantRef(context, known(caller), request),
    copy: (caller, request) => copyGrant(context, known(caller), request),
    setupTable: (caller, domain, nrFrames) => setupTable(context, known(caller), domain, nrFrames),
    querySize: (caller, domain) => querySize(context, known(caller), domain),
    unmapAndReplace: (caller, request) => unmapAndReplace(context, known(caller), request),
    transfer: (caller, request) => transferPage(context, known(caller), request),
    flushCache: (caller, request) => flushCache(context, known(caller), request),
    setVersion: (caller, version) => setVersion(context, known(caller), version),
    getVersion: (caller, domain) => getVersion(context, known(caller), domain),
    getStatusFrames: (caller, domain, nrFrames) => getStatusFrames(context, known(caller), domain, nrFrames),
    swapGrantRef: (caller, refA, refB) => swapGrantRef(context.entries, known(caller), refA, refB),
    tableFrames: (domain) => known(domain).frames,
    seed: (domain, ref, to, frame) => seedGrant(context, known(domain), ref, to, frame),
    mapPages: (caller, granter, refs, writable) => mapPages(context, known(caller), granter, refs, writable),
    copyFromGrant: (caller, granter, ref, offset, into) =>
      copyBuffer(context, known(caller), granter, ref, offset, into, false),
    copyToGrant: (caller, granter, ref, offset, bytes) =>
      copyBuffer(context, known(caller), granter, ref, offset, bytes, true),
    offer: (domain, frame, to, writable) => offerPage(context, known(domain), frame, to, writable),
    withdraw: (domain, ref) => withdrawOffer(context, known(domain), ref),
    uses: () => usesOf(context),
  };
};
