import type { Blkback, BlkbackDevice } from "@xenolith/blkback";
import type { Domain } from "@xenolith/domain-interface";
import type { DiskService } from "@xenolith/toolstack";
import type { DomId } from "@xenolith/xen-abi";
import type { Holds } from "./holds.ts";
import { createTimedStore, type DiskTiming } from "./timed-store.ts";

/** Where disks are served. */
export interface DisksOptions {
  readonly blkback: Blkback;
  readonly domain: Domain;
  readonly holds: Holds;
  readonly timing: DiskTiming;
}

/** Disks of all domains: each store is served at modelled times. */
export const createDisks = ({ blkback, domain, holds, timing }: DisksOptions): DiskService => {
  const devices = new Map<DomId, BlkbackDevice[]>();
  return {
    attach: (disk) => {
      const device = blkback.attach({
        frontendDomain: disk.domain,
        frontendWidth: disk.width,
        device: disk.device,
        store: createTimedStore(disk.store, domain.timers, holds, timing),
        readOnly: !disk.writable,
        cdrom: disk.cdrom,
        frontendPath: disk.frontendPath,
        backendPath: disk.backendPath,
      });
      devices.set(disk.domain, [...(devices.get(disk.domain) ?? []), device]);
    },
    detach: (guest) => {
      for (const device of devices.get(guest) ?? []) device.detach();
      devices.delete(guest);
    },
  };
};
