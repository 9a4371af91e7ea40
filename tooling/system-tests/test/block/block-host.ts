import type { BlockRequest, BlockStatus, BlockStore } from "@xenolith/backend-interface";
import { type Blkback, type BlkbackLimits, createBlkback } from "@xenolith/blkback";
import { createFakeHost, type FakeDomain, type FakeHost } from "@xenolith/domain-interface/testing";
import { toDomId } from "@xenolith/xen-abi";
import { createStoreClient, type StoreClient } from "@xenolith/xenbus";
import { createXenstored } from "@xenolith/xenstored";

/** The virtual device that tests use: xvda. */
export const XVDA = 51712;

/** A back end's domain with the store, and guests, on a host without a hypervisor. */
export interface BlockHost {
  readonly host: FakeHost;
  readonly backDomain: FakeDomain;
  readonly backStore: StoreClient;
  readonly blkback: Blkback;
  /** A domain with a client of the store. */
  guest(id: number): { readonly domain: FakeDomain; readonly store: StoreClient };
  /** Writes what a toolstack writes for a disk of a guest, before either end is started. */
  writeDiskNodes(guest: number, device?: number): void;
  /** Reads a node, as the control domain. @returns null when it does not exist. */
  read(path: string): string | null;
}

/** Makes such a host. */
export const createBlockHost = (limits: Partial<BlkbackLimits> = {}): BlockHost => {
  const host = createFakeHost();
  const backDomain = host.domain(0);
  const xenstored = createXenstored({ domain: backDomain });
  xenstored.connect(backDomain.storePeer, { domain: toDomId(0), privileged: true });
  const backStore = createStoreClient(backDomain.store);
  return {
    host,
    backDomain,
    backStore,
    blkback: createBlkback({ domain: backDomain, store: backStore, limits }),
    guest: (id) => {
      const domain = host.domain(id);
      backStore.write(`/local/domain/${id}`, "");
      backStore.setPermissions(`/local/domain/${id}`, [`n${id}`]);
      host.settle();
      xenstored.connect(domain.storePeer, { domain: toDomId(id), privileged: false });
      return { domain, store: createStoreClient(domain.store) };
    },
    writeDiskNodes: (guest, device = XVDA) => {
      const front = `/local/domain/${guest}/device/vbd/${device}`;
      const back = `/local/domain/0/backend/vbd/${guest}/${device}`;
      const nodes: Record<string, string> = {
        [`${back}/frontend`]: front,
        [`${back}/frontend-id`]: String(guest),
        [`${back}/online`]: "1",
        [`${back}/dev`]: "xvda",
        [`${back}/mode`]: "w",
        [`${back}/device-type`]: "disk",
        [`${back}/state`]: "1",
        [`${front}/backend`]: back,
        [`${front}/backend-id`]: "0",
        [`${front}/virtual-device`]: String(device),
        [`${front}/device-type`]: "disk",
        [`${front}/state`]: "1",
      };
      for (const [path, value] of Object.entries(nodes)) backStore.write(path, value);
      backStore.setPermissions(front, [`n${guest}`, "r0"]);
      for (const name of ["backend", "backend-id", "virtual-device", "device-type", "state"])
        backStore.setPermissions(`${front}/${name}`, [`n${guest}`, "r0"]);
      backStore.setPermissions(back, ["n0", `r${guest}`]);
      for (const path of Object.keys(nodes))
        if (path.startsWith(back)) backStore.setPermissions(path, ["n0", `r${guest}`]);
      host.settle();
    },
    read: (path) => {
      let value: string | null = null;
      backStore.read(path, (result) => {
        value = result.ok ? result.value : null;
      });
      host.settle();
      return value;
    },
  };
};

/** Carries a request out and lets the host run until it is answered, or for a virtual minute. */
export const perform = (
  host: FakeHost,
  store: BlockStore,
  request: BlockRequest,
): BlockStatus | "no answer" => {
  let outcome: BlockStatus | "no answer" = "no answer";
  store.submit(request, (status) => {
    outcome = status;
  });
  for (let round = 0; round < 60 && outcome === "no answer"; round++) host.advance(1_000_000_000);
  return outcome;
};
