import type { MappedPages } from "@xenolith/domain-interface";
import type { MachineMemory, Mfn } from "@xenolith/machine-interface";
import type { TraceSink } from "@xenolith/trace";
import type { DomId, GrantRef } from "@xenolith/xen-abi";

/** What grant tables need of the frame table. A hold that is got is given back by the same call's counterpart, once. */
export interface GrantFrames {
  /** Takes a hold of a frame. @returns false when it is no frame of `owner`'s. Any number may be asked for. */
  getPage(frame: Mfn, owner: DomId): boolean;
  putPage(frame: Mfn): void;
  /** Takes a hold for writing. @returns false also when the frame is a page table, a descriptor table or the like. */
  getWritablePage(frame: Mfn, owner: DomId): boolean;
  putWritablePage(frame: Mfn): void;
  /** Takes a zeroed frame of the hypervisor's and lends it to a domain, which may map it writable. null: no memory left. */
  allocateShared(domain: DomId): Mfn | null;
  /** Whether nobody but its lender refers to a frame that was lent by {@link allocateShared}: it is mapped nowhere. */
  isIdleShared(frame: Mfn): boolean;
  /** Ends a loan made by {@link allocateShared}. */
  releaseShared(frame: Mfn): void;
  /** Whether the machine has a frame of this number, which may be anything. */
  exists(frame: Mfn): boolean;
  /** Owner of a frame that exists. */
  ownerOf(frame: Mfn): DomId;
  /** Takes a frame away from its owner. @returns false when it is not the owner's, or somebody refers to it. */
  steal(frame: Mfn, owner: DomId): boolean;
  /** Gives a stolen frame to a domain, as it is. @returns false when the domain may not own more. */
  assign(frame: Mfn, domain: DomId): boolean;
  /** Scrubs and frees a stolen frame. */
  discard(frame: Mfn): void;
  /** Enters the pseudo-physical number of a frame into the machine-to-physical table. */
  setPhysicalNumber(frame: Mfn, pfn: number): void;
}

/** Where a mapping goes in the page tables of the domain that maps. */
export interface MappingPlace {
  /** `linear`: the page at a linear address; `entry`: the level-1 entry at a machine address. */
  readonly kind: "linear" | "entry";
  /** As the guest gave it, unchecked. */
  readonly address: number;
}

/** What a mapping allows. */
export interface MappingRights {
  readonly writable: boolean;
  /** GNTMAP_application_map: also for ring 3. */
  readonly user: boolean;
  /** Bits 11:9 of the page-table entry, 0 to 7. */
  readonly available: number;
  /** Cache attributes of the grant entry, 0 to 7: GTF_PWT, GTF_PCD and GTF_PAT. */
  readonly cache: number;
}

/** What grant tables need to change guests' page tables. */
export interface GrantPageTables {
  /**
   * Installs a level-1 entry that leads to a held frame (held for writing when `rights.writable`). The hold passes to the
   * entry. @returns false, changing nothing, when there is no such place.
   */
  install(domain: DomId, place: MappingPlace, frame: Mfn, rights: MappingRights): boolean;
  /**
   * Removes an entry that {@link install} made. Its hold passes back. With `newAddress` not 0, the entry at that linear
   * address, present or not, moves to the place with all that it holds.
   * @returns false, changing nothing, when the entry there does not lead to `frame` with that right, or the new address has
   * no entry.
   */
  remove(domain: DomId, place: MappingPlace, frame: Mfn, writable: boolean, newAddress: number): boolean;
}

/** What grant tables need from the hypervisor they are part of. Nothing in it may throw. */
export interface GrantHost {
  readonly memory: Pick<MachineMemory, "bytes" | "view" | "written">;
  readonly frames: GrantFrames;
  readonly pageTables: GrantPageTables;
  /** On return no TLB leads to this frame: called after a mapping has been removed, before its hold is given back. */
  flushFrame(frame: Mfn): void;
}

/** A domain as grant tables know it. */
export interface GrantDomainOptions {
  /** May act on other domains' tables where the ABI lets a privileged domain do so. */
  readonly privileged: boolean;
  /** Most frames its grant table may have. Default 64: 32,768 entries. */
  readonly maximumFrames?: number;
  /** Most grants of others it may have mapped at once. Default 65,536. */
  readonly maximumMappings?: number;
}

/** Choices of a set of grant tables. */
export interface GrantTableOptions {
  readonly trace?: TraceSink;
}

/** IN fields of GNTTABOP_map_grant_ref. */
export interface MapRequest {
  readonly hostAddr: number;
  readonly flags: number;
  readonly ref: GrantRef;
  readonly dom: DomId;
}

/** OUT fields of GNTTABOP_map_grant_ref. */
export interface MapResult {
  /** `GNTST_*`. The other fields mean something only when it is 0. */
  readonly status: number;
  readonly handle: number;
  readonly devBusAddr: number;
}

/** IN fields of GNTTABOP_unmap_grant_ref. */
export interface UnmapRequest {
  readonly hostAddr: number;
  readonly devBusAddr: number;
  readonly handle: number;
}

/** IN fields of GNTTABOP_unmap_and_replace. */
export interface UnmapAndReplaceRequest {
  readonly hostAddr: number;
  /** Linear address whose mapping takes the place; 0: none does. */
  readonly newAddr: number;
  readonly handle: number;
}

/** IN fields of GNTTABOP_transfer. */
export interface TransferRequest {
  readonly mfn: number;
  readonly domid: DomId;
  readonly ref: GrantRef;
}

/** IN fields of GNTTABOP_cache_flush. */
export interface CacheFlushRequest {
  readonly devBusAddr: number;
  readonly offset: number;
  readonly length: number;
  /** `GNTTAB_CACHE_*`. */
  readonly op: number;
}

/** One end of a GNTTABOP_copy. */
export interface CopyEnd {
  readonly domid: DomId;
  /** Grant reference, when the copy's flag for this end is set. */
  readonly ref: GrantRef;
  /** Frame of the caller's own, when not. */
  readonly gmfn: number;
  readonly offset: number;
}

/** IN fields of GNTTABOP_copy. */
export interface CopyRequest {
  readonly source: CopyEnd;
  readonly dest: CopyEnd;
  readonly len: number;
  /** `GNTCOPY_*`. */
  readonly flags: number;
}

/** Result of GNTTABOP_set_version. */
export interface SetVersionResult {
  /** 0 or a negative errno. */
  readonly error: number;
  /** The version that the table has now. */
  readonly version: number;
}

/** Result of GNTTABOP_setup_table and get_status_frames: frames from the first on, when the status is 0. */
export interface SetupResult {
  readonly status: number;
  readonly frames: readonly Mfn[];
}

/** Result of GNTTABOP_query_size. */
export interface QuerySizeResult {
  readonly status: number;
  readonly nrFrames: number;
  readonly maxNrFrames: number;
}

/** What is known of one grant that is in use, for tools and tests. */
export interface GrantUse {
  readonly granter: DomId;
  readonly ref: GrantRef;
  /** The one domain that uses it. */
  readonly user: DomId;
  readonly frame: Mfn;
  /** Mappings and copies under way, by kind. */
  readonly hostReads: number;
  readonly hostWrites: number;
  readonly deviceReads: number;
  readonly deviceWrites: number;
}

/**
 * Grant tables of all domains, of either version. Operations are called on behalf of a domain (`caller`) with arguments that may
 * come from a guest unchecked, and give what Xen gives: a status `GNTST_*` or, where that is said, a negative errno.
 * Nothing throws but for a caller that was never added, which is a mistake of the hypervisor's. [XEN grant_table.h]
 */
export interface GrantTables {
  /** Makes a domain known and gives its table a first frame. @returns 0 or -ENOMEM. @throws HostError when it is known already. */
  addDomain(domain: DomId, options: GrantDomainOptions): number;
  /**
   * A domain dies: lets go of everything it has mapped, and lets nobody use its grants any more. What others have mapped
   * stays theirs until they unmap it. Page-table entries of the domain itself go with its page tables.
   */
  releaseMappings(domain: DomId): void;
  /** Gives the frames of a dying domain's table back and forgets it. */
  removeDomain(domain: DomId): void;

  /** GNTTABOP_map_grant_ref, one request. */
  mapGrantRef(caller: DomId, request: MapRequest): MapResult;
  /** GNTTABOP_unmap_grant_ref, one request. @returns the status. */
  unmapGrantRef(caller: DomId, request: UnmapRequest): number;
  /** GNTTABOP_unmap_and_replace, one request. @returns the status. */
  unmapAndReplace(caller: DomId, request: UnmapAndReplaceRequest): number;
  /** GNTTABOP_transfer, one request. @returns the status. */
  transfer(caller: DomId, request: TransferRequest): number;
  /** GNTTABOP_cache_flush, one request. @returns 0 or a negative errno. */
  flushCache(caller: DomId, request: CacheFlushRequest): number;
  /** GNTTABOP_copy, one request. @returns the status. */
  copy(caller: DomId, request: CopyRequest): number;
  /** GNTTABOP_setup_table: grows the table if need be. */
  setupTable(caller: DomId, domain: DomId, nrFrames: number): SetupResult;
  /** GNTTABOP_query_size. */
  querySize(caller: DomId, domain: DomId): QuerySizeResult;
  /** GNTTABOP_set_version: errors are -EINVAL, -EBUSY, -ERANGE, -ENOMEM. */
  setVersion(caller: DomId, version: number): SetVersionResult;
  /** GNTTABOP_get_version. @returns 1 or 2; -ESRCH, -EPERM. */
  getVersion(caller: DomId, domain: DomId): number;
  /** GNTTABOP_get_status_frames: version 1 has none. */
  getStatusFrames(caller: DomId, domain: DomId, nrFrames: number): SetupResult;
  /** GNTTABOP_swap_grant_ref: exchanges two entries of the caller's that nobody uses. @returns the status. */
  swapGrantRef(caller: DomId, refA: number, refB: number): number;

  /** Frames a domain's grant table has now, in order (XENMAPSPACE_grant_table and the like). */
  tableFrames(domain: DomId): readonly Mfn[];
  /** Writes an entry of a domain that has not started: permits `to` to use `frame`. @returns 0 or -EINVAL (no such entry). */
  seed(domain: DomId, ref: GrantRef, to: DomId, frame: Mfn): number;

  // For kernels that are not machine code.

  /**
   * Maps grants of one domain, all or none, as one contiguous handle in the order of the references. The handle holds the
   * pages until it is released, the caller ends, or {@link releaseMappings} of the caller.
   * @returns the handle, or the status of the first reference that failed.
   */
  mapPages(caller: DomId, granter: DomId, refs: readonly GrantRef[], writable: boolean): MappedPages | number;
  /** Copies from a granted page into a buffer, to at most the page's end. @returns the status. */
  copyFromGrant(caller: DomId, granter: DomId, ref: GrantRef, offset: number, into: Uint8Array): number;
  /** Copies a buffer into a page granted for writing. @returns the status. */
  copyToGrant(caller: DomId, granter: DomId, ref: GrantRef, offset: number, bytes: Uint8Array): number;
  /** Writes a free, not reserved entry of the domain's own table. @returns the reference, or -ENOSPC. */
  offer(domain: DomId, frame: Mfn, to: DomId, writable: boolean): GrantRef | number;
  /** Clears an entry made by {@link offer}. @returns false while it is in use. */
  withdraw(domain: DomId, ref: GrantRef): boolean;

  /** All grants in use, for tools and tests. */
  uses(): GrantUse[];
}
