import { ENOMEM, type GrantRef } from "@xenolith/xen-abi";
import { copyGrant } from "./copy.ts";
import { copyBuffer } from "./kernel-copy.ts";
import { mapPages } from "./kernel-mapping.ts";
import { mapGrantRef } from "./map.ts";
import { offerPage, seedGrant, withdrawOffer } from "./offers.ts";
import { createRegistry, type Registry } from "./registry.ts";
import { swapGrantRef } from "./swap.ts";
import { getStatusFrames, getVersion, querySize, setupTable, setVersion } from "./table-size.ts";
import type { GrantHost, GrantTableOptions, GrantTables, GrantUse } from "./types.ts";
import { releaseAllMappings, unmapGrantRef } from "./unmap.ts";

const usesOf = ({ tables }: Registry): GrantUse[] =>
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
  const registry = createRegistry(host, options);
  const { known } = registry;
  return {
    addDomain: (domain, domainOptions) => (registry.add(domain, domainOptions) === null ? -ENOMEM : 0),
    releaseMappings: (domain) => {
      const dying = known(domain);
      dying.dying = true;
      releaseAllMappings(registry, dying);
    },
    removeDomain: (domain) => {
      const dying = known(domain);
      dying.dying = true;
      releaseAllMappings(registry, dying);
      dying.gone = true;
      for (const frame of dying.frames.splice(0)) host.frames.releaseShared(frame);
      registry.remove(domain);
    },
    mapGrantRef: (caller, request) => mapGrantRef(registry, known(caller), request),
    unmapGrantRef: (caller, request) => unmapGrantRef(registry, known(caller), request),
    copy: (caller, request) => copyGrant(registry, known(caller), request),
    setupTable: (caller, domain, nrFrames) => setupTable(registry, known(caller), domain, nrFrames),
    querySize: (caller, domain) => querySize(registry, known(caller), domain),
    setVersion: (_caller, version) => setVersion(version),
    getVersion: (caller, domain) => getVersion(registry, known(caller), domain),
    getStatusFrames: (caller, domain, nrFrames) => getStatusFrames(registry, known(caller), domain, nrFrames),
    swapGrantRef: (caller, refA, refB) => swapGrantRef(registry.entries, known(caller), refA, refB),
    tableFrames: (domain) => known(domain).frames,
    seed: (domain, ref, to, frame) => seedGrant(registry, known(domain), ref, to, frame),
    mapPages: (caller, granter, refs, writable) => mapPages(registry, known(caller), granter, refs, writable),
    copyFromGrant: (caller, granter, ref, offset, into) =>
      copyBuffer(registry, known(caller), granter, ref, offset, into, false),
    copyToGrant: (caller, granter, ref, offset, bytes) =>
      copyBuffer(registry, known(caller), granter, ref, offset, bytes, true),
    offer: (domain, frame, to, writable) => offerPage(registry, known(domain), frame, to, writable),
    withdraw: (domain, ref) => withdrawOffer(registry, known(domain), ref),
    uses: () => usesOf(registry),
  };
};
