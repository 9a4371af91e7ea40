import type { FakeDomain, FakeHost } from "@xenolith/domain-interface/testing";
import { createFrontRing, SLOT_TAKEN } from "@xenolith/io-ring";
import { type DomId, toGrantRef, toPort } from "@xenolith/xen-abi";
import { BLKIF_OP_READ, writeBlkifRequest } from "@xenolith/xen-abi/io/blkif";
import type { StoreClient } from "@xenolith/xenbus";

/** A disk as GRUB's driver uses one: a page, a segment, a request at a time; it polls and listens to no event. */
export interface GrubDisk {
  readonly name: string | null;
  open(): { readonly sectors: number; readonly sectorSize: number };
  /** @returns up to eight sectors, or the status of the response. */
  read(sector512: number, sectorCount: number): Uint8Array | number;
  /** Hands the disk over to what is booted. */
  finish(): void;
}

/** Finds and connects a disk by the steps that GRUB's 32-bit driver takes, in its order. @throws when it would wait for ever. */
export const connectLikeGrub = (
  host: FakeHost,
  domain: FakeDomain,
  store: StoreClient,
  device: number,
): GrubDisk => {
  const fetch = (path: string): string | null => {
    let value: string | null = null;
    store.read(path, (result) => {
      value = result.ok ? result.value : null;
    });
    host.settle();
    return value;
  };
  const put = (path: string, value: string): void => {
    store.write(path, value);
    host.settle();
  };
  const poll = (what: string, condition: () => boolean): void => {
    for (let round = 0; round < 1000; round++) {
      if (condition()) return;
      host.advance(1_000_000);
    }
    throw new Error(`waits for ever for ${what}`);
  };
  const directory = `device/vbd/${device}`;
  const backDirectory = fetch(`${directory}/backend`) ?? "";
  const name = fetch(`${backDirectory}/dev`);
  const backend = Number(fetch(`${directory}/backend-id`)) as DomId;

  const pages = domain.grants.allocatePages(2);
  if (pages === null) throw new Error("no pages");
  const [ringReference, dataReference] = [0, 1].map((page) =>
    toGrantRef(domain.grants.offer(pages, page, backend, true)),
  );
  const port = toPort(domain.events.allocateUnbound(backend));
  const slotBytes = 108;
  const ring = createFrontRing({ page: pages, ringBytes: 4096, slotBytes });
  put(`${directory}/ring-ref`, String(ringReference));
  put(`${directory}/event-channel`, String(port));
  put(`${directory}/protocol`, "x86_32-abi");
  put(`${directory}/state`, "3");
  poll("a state other than 2", () => fetch(`${backDirectory}/state`) !== "2");

  const slot = new Uint8Array(slotBytes);
  const view = new DataView(slot.buffer);
  return {
    name: name === null ? null : `xen/${name}`,
    open: () => ({
      sectors: Number(fetch(`${backDirectory}/sectors`)),
      sectorSize: Number(fetch(`${backDirectory}/sector-size`)),
    }),
    read: (sector512, sectorCount) => {
      slot.fill(0);
      writeBlkifRequest(view, 0, "x86_32p", {
        operation: BLKIF_OP_READ,
        nrSegments: 1,
        handle: device,
        id: { low: 0, high: 0 },
        sectorNumber: sector512,
        seg: [{ gref: dataReference ?? toGrantRef(0), firstSect: 0, lastSect: sectorCount - 1 }],
      });
      ring.putRequest(slot);
      ring.pushRequests();
      domain.events.notify(port);
      let status = 0;
      poll("a response", () => {
        if (ring.takeResponse(slot) !== SLOT_TAKEN) return false;
        status = view.getInt16(10, true);
        return true;
      });
      if (status !== 0) return status;
      const sectors = new Uint8Array(sectorCount * 512);
      pages.copyOut(4096, sectors);
      return sectors;
    },
    finish: () => {
      put(`${directory}/state`, "6");
      poll("state 6", () => fetch(`${backDirectory}/state`) === "6");
      put(`${directory}/ring-ref`, "");
      put(`${directory}/event-channel`, "");
      for (const reference of [ringReference, dataReference])
        if (reference === undefined || !domain.grants.withdraw(reference))
          throw new Error("a page is still mapped");
      pages.release();
      domain.events.close(port);
      put(`${directory}/state`, "1");
    },
  };
};
