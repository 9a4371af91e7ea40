import type { MappedPages } from "@xenolith/domain-interface";
import type { DomainServices } from "@xenolith/domain-interface/control";
import { toNanoseconds } from "@xenolith/machine-interface";
import { ESRCH } from "@xenolith/xen-abi";
import { GNTST_bad_domain } from "@xenolith/xen-abi/grant-table";

/** Pages that are gone: reads give zeroes, writes are dropped. */
const NO_PAGES: MappedPages = {
  lengthBytes: 0,
  writable: false,
  copyIn: () => {},
  copyOut: (_at, into) => {
    into.fill(0);
  },
  readUint32: () => 0,
  writeUint32: () => {},
  release: () => {},
};

/**
 * What a kernel finds whose domain has ended under it: a completion may still come in (of a disk, a promise) and must not
 * hurt anybody. Everything is refused.
 */
export const endedServices: Omit<DomainServices, "id" | "now"> = {
  allocateUnbound: () => -ESRCH,
  bindInterdomain: () => -ESRCH,
  bindVirq: () => -ESRCH,
  close: () => -ESRCH,
  send: () => -ESRCH,
  takePending: () => [],
  mapGrants: () => GNTST_bad_domain,
  copyGrant: () => GNTST_bad_domain,
  takeFrames: () => null,
  mapOwnFrames: () => NO_PAGES,
  returnFrames: () => {},
  grantFrame: () => -ESRCH,
  endGrant: () => true,
  executed: () => toNanoseconds(0),
  setTimer: () => {},
  shutdown: () => {},
};
